//! Strings: values, counters, and what people lock with.

mod append;
mod condition;
mod delex;
mod digest;
mod get;
mod getdel;
mod getex;
mod getrange;
mod incr;
mod incrbyfloat;
mod lifetime;
mod mget;
mod mset;
mod msetex;
mod set;
mod setex;
mod setnx;
mod setrange;
mod strlen;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &append::COMMAND,
    &incr::DECR,
    &incr::DECRBY,
    &delex::COMMAND,
    &digest::COMMAND,
    &get::COMMAND,
    &getdel::COMMAND,
    &getex::COMMAND,
    &getrange::GETRANGE,
    &set::GETSET,
    &incr::INCR,
    &incr::INCRBY,
    &incrbyfloat::COMMAND,
    &mget::COMMAND,
    &mset::MSET,
    &msetex::COMMAND,
    &mset::MSETNX,
    &setex::PSETEX,
    &set::SET,
    &setex::SETEX,
    &setnx::COMMAND,
    &setrange::COMMAND,
    &strlen::COMMAND,
    &getrange::SUBSTR,
];
