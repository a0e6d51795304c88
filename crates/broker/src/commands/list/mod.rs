//! Lists, and the queues that people make of them.

mod blmove;
mod blmovem;
mod blmpop;
mod blpop;
mod grammar;
mod lindex;
mod linsert;
mod llen;
mod lmove;
mod lmovem;
mod lmpop;
mod lpop;
mod lpos;
mod lpush;
mod lpushx;
mod lrange;
mod lrem;
mod lset;
mod ltrim;

use crate::command::Command;

pub(super) const COMMANDS: &[&Command] = &[
    &blmove::BLMOVE,
    &blmovem::COMMAND,
    &blmpop::COMMAND,
    &blpop::BLPOP,
    &blpop::BRPOP,
    &blmove::BRPOPLPUSH,
    &lindex::COMMAND,
    &linsert::COMMAND,
    &llen::COMMAND,
    &lmove::LMOVE,
    &lmovem::COMMAND,
    &lmpop::COMMAND,
    &lpop::LPOP,
    &lpos::COMMAND,
    &lpush::LPUSH,
    &lpushx::LPUSHX,
    &lrange::COMMAND,
    &lrem::COMMAND,
    &lset::COMMAND,
    &ltrim::COMMAND,
    &lpop::RPOP,
    &lmove::RPOPLPUSH,
    &lpush::RPUSH,
    &lpushx::RPUSHX,
];
