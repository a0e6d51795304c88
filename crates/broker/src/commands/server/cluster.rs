//! `CLUSTER`, `ASKING`, `READONLY` and `READWRITE` on a server that is alone.
//!
//! Client libraries ask them to find out whether there is a cluster; they must not fail as unknown commands.

use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::error::Error;

macro_rules! refused {
    ($request:literal) => {
        concat!("ann  ", $request, "\nann: -ERR This instance has cluster support disabled\n")
    };
}

/// What all of them answer.
const ALONE: Command = Command {
    group: Family::Cluster,
    since: "3.0.0",
    arity: Arity::Exactly(2),
    flags: Flags::LOADING.with(Flags::STALE),
    run: Run::Act(|_, _, _| Err(Error::Fixed("ERR This instance has cluster support disabled"))),
    ..Command::BASE
};

pub(super) const CLUSTER: Command = Command {
    name: "CLUSTER",
    group: Family::Cluster,
    summary: "A container for Redis Cluster commands.",
    since: "3.0.0",
    complexity: "Depends on subcommand.",
    arity: Arity::AtLeast(2),
    subcommands: &[
        &Command {
            name: "COUNTKEYSINSLOT",
            summary: "Returns the number of keys in a hash slot.",
            arity: Arity::Exactly(3),
            flags: Flags::STALE,
            args: &[Arg::integer("slot")],
            example: refused!("CLUSTER COUNTKEYSINSLOT 1"),
            ..ALONE
        },
        &Command {
            name: "GETKEYSINSLOT",
            summary: "Returns the key names in a hash slot.",
            complexity: "O(N) where N is the number of requested keys",
            arity: Arity::Exactly(4),
            flags: Flags::STALE,
            tips: &["nondeterministic_output"],
            args: &[Arg::integer("slot"), Arg::integer("count")],
            example: refused!("CLUSTER GETKEYSINSLOT 1 10"),
            ..ALONE
        },
        &Command {
            name: "HELP",
            summary: "Returns helpful text about the different subcommands.",
            since: "5.0.0",
            example: refused!("CLUSTER HELP"),
            ..ALONE
        },
        &Command {
            name: "INFO",
            summary: "Returns information about the state of a node.",
            tips: &["nondeterministic_output"],
            example: refused!("CLUSTER INFO"),
            ..ALONE
        },
        &Command {
            name: "KEYSLOT",
            summary: "Returns the hash slot for a key.",
            complexity: "O(N) where N is the number of bytes in the key",
            arity: Arity::Exactly(3),
            args: &[Arg::string("key")],
            example: refused!("CLUSTER KEYSLOT mail"),
            ..ALONE
        },
        &Command {
            name: "LINKS",
            summary: "Returns a list of all TCP links to and from peer nodes.",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of Cluster nodes",
            tips: &["nondeterministic_output"],
            example: refused!("CLUSTER LINKS"),
            ..ALONE
        },
        &Command { name: "MYID", summary: "Returns the ID of a node.", example: refused!("CLUSTER MYID"), ..ALONE },
        &Command {
            name: "MYSHARDID",
            summary: "Returns the shard ID of a node.",
            since: "7.2.0",
            tips: &["nondeterministic_output"],
            example: refused!("CLUSTER MYSHARDID"),
            ..ALONE
        },
        &Command {
            name: "NODES",
            summary: "Returns the cluster configuration for a node.",
            complexity: "O(N) where N is the total number of Cluster nodes",
            tips: &["nondeterministic_output"],
            example: refused!("CLUSTER NODES"),
            ..ALONE
        },
        &Command {
            name: "SHARDS",
            summary: "Returns the mapping of cluster slots to shards.",
            since: "7.0.0",
            complexity: "O(N) where N is the total number of cluster nodes",
            tips: &["nondeterministic_output"],
            example: refused!("CLUSTER SHARDS"),
            ..ALONE
        },
        &Command {
            name: "SLOTS",
            summary: "Returns the mapping of cluster slots to nodes.",
            complexity: "O(N) where N is the total number of Cluster nodes",
            tips: &["nondeterministic_output"],
            history: &[("4.0.0", "Added node IDs."), ("7.0.0", "Added additional networking metadata field.")],
            deprecated: Some(("7.0.0", "`CLUSTER SHARDS`")),
            example: refused!("CLUSTER SLOTS"),
            ..ALONE
        },
    ],
    ..Command::BASE
};

pub(super) const ASKING: Command = Command {
    name: "ASKING",
    summary: "Signals that a cluster client is following an -ASK redirect.",
    arity: Arity::Exactly(1),
    flags: Flags::FAST,
    acl: &["connection"],
    example: refused!("ASKING"),
    ..ALONE
};

pub(super) const READONLY: Command = Command {
    name: "READONLY",
    summary: "Enables read-only queries for a connection to a Redis Cluster replica node.",
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::FAST),
    example: refused!("READONLY"),
    ..ASKING
};

pub(super) const READWRITE: Command = Command {
    name: "READWRITE",
    summary: "Enables read-write queries for a connection to a Redis Cluster replica node.",
    example: refused!("READWRITE"),
    ..READONLY
};
