//! The subcommands, one file or folder each.

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod cli;
pub(crate) mod completions;
pub(crate) mod consume;
pub(crate) mod context;
pub(crate) mod dlq;
pub(crate) mod export;
pub(crate) mod group;
pub(crate) mod import;
pub(crate) mod journal;
pub(crate) mod keyspace;
pub(crate) mod man;
pub(crate) mod produce;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod repl;
pub(crate) mod restore;
pub(crate) mod stream;
pub(crate) mod subscribe;
