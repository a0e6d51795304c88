//! Streams, consumer groups and what is pending in them.

mod grammar;
mod lazy;
mod xack;
mod xadd;
mod xautoclaim;
mod xcfgset;
mod xclaim;
mod xdel;
mod xgroup;
mod xidmprecord;
mod xinfo;
mod xlen;
mod xnack;
mod xpending;
mod xrange;
mod xread;
mod xreadgroup;
mod xsetid;
mod xtrim;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &xack::XACK,
    &xack::XACKDEL,
    &xadd::COMMAND,
    &xautoclaim::COMMAND,
    &xcfgset::COMMAND,
    &xclaim::COMMAND,
    &xdel::XDEL,
    &xdel::XDELEX,
    &xgroup::COMMAND,
    &xidmprecord::COMMAND,
    &xinfo::COMMAND,
    &xlen::COMMAND,
    &xnack::COMMAND,
    &xpending::COMMAND,
    &xrange::XRANGE,
    &xread::COMMAND,
    &xreadgroup::COMMAND,
    &xrange::XREVRANGE,
    &xsetid::COMMAND,
    &xtrim::COMMAND,
];
