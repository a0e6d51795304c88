//! The journal in a world that fails: every operation of seeded scenarios is a moment at which the power is cut.
//!
//! [`world`] runs a scenario on the simulated file system beside a model (the list of what was appended, and how much of
//! it was acknowledged); [`crashes`] looks at what every crash leaves; [`mutants`] shows that the whole would notice a
//! journal that is wrong.

mod backups;
mod crashes;
mod failures;
mod flips;
mod founding;
mod full;
mod headers;
mod mutants;
mod parts;
mod refusals;
mod rotations;
mod sizes;
mod threads;
mod tools;
mod world;
