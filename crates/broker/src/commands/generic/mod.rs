//! Keys as such, whatever they hold.

mod copy;
mod del;
mod exists;
mod expire;
mod keys;
mod move_key;
mod object;
mod persist;
mod randomkey;
mod rename;
mod scan;
mod sort;
mod sorting;
mod ttl;
mod type_of;
mod wait;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &copy::COMMAND,
    &del::DEL,
    &exists::EXISTS,
    &expire::EXPIRE,
    &expire::EXPIREAT,
    &ttl::EXPIRETIME,
    &keys::COMMAND,
    &move_key::COMMAND,
    &object::COMMAND,
    &persist::COMMAND,
    &expire::PEXPIRE,
    &expire::PEXPIREAT,
    &ttl::PEXPIRETIME,
    &ttl::PTTL,
    &randomkey::COMMAND,
    &rename::RENAME,
    &rename::RENAMENX,
    &scan::COMMAND,
    &sort::SORT,
    &sort::SORT_RO,
    &exists::TOUCH,
    &ttl::TTL,
    &type_of::COMMAND,
    &del::UNLINK,
    &wait::WAIT,
    &wait::WAITAOF,
];
