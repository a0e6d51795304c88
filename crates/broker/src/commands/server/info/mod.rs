//! `INFO [section [section ...]]`: the server about itself, in lines of `field:value`.
//!
//! Fields are named as exporters and client libraries read them. What only the driver knows comes from
//! [`HostFacts`](crate::HostFacts), figures as well as whole lines that it adds to a section. A field of Redis's whose
//! subject does not exist here (forks, replicas, scripts) is left out unless tools are known to read it; then it has
//! the value that says so.

mod data;
mod host;
mod lines;
mod traffic;

use lines::Lines;
use rbq_resp::Sink;

use crate::broker::Broker;
use crate::command::{Arg, Arity, Command, Family, Flags, Run};
use crate::many::Many;
use crate::time::Now;

pub(super) const COMMAND: Command = Command {
    name: "INFO",
    group: Family::Server,
    summary: "Returns information and statistics about the server.",
    arity: Arity::AtLeast(1),
    flags: Flags::LOADING.with(Flags::STALE).with(Flags::UNGATED),
    tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    acl: &["dangerous"],
    args: &[Arg::string("section").optional().many()],
    history: &[("7.0.0", "Added support for taking multiple section arguments.")],
    example: "
        ann  INFO server
        ann: <has \"# Server\\r\\nredis_version:8.10.0\\r\\nrbq_version:\">
        ann  INFO nosuch
        ann: \"\"
    ",
    run: Run::Act(|turn, args, reply| {
        let text = text(turn.broker, turn.now, args.rest());
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    }),
    ..Command::BASE
};

/// When a section is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Also when none is asked for.
    ByDefault,
    /// With `all` or `everything`, or by its name.
    WithAll,
    /// By its name only.
    ByName,
}

struct Section {
    name: &'static str,
    title: &'static str,
    shown: Shown,
    write: fn(&mut Lines, &Broker, Now),
}

const SECTIONS: &[Section] = &[
    Section { name: "server", title: "Server", shown: Shown::ByDefault, write: host::server },
    Section { name: "clients", title: "Clients", shown: Shown::ByDefault, write: traffic::clients },
    Section { name: "memory", title: "Memory", shown: Shown::ByDefault, write: host::memory },
    Section { name: "persistence", title: "Persistence", shown: Shown::ByDefault, write: data::persistence },
    Section { name: "threads", title: "Threads", shown: Shown::ByDefault, write: |_, _, _| {} },
    Section { name: "stats", title: "Stats", shown: Shown::ByDefault, write: traffic::stats },
    Section { name: "replication", title: "Replication", shown: Shown::ByDefault, write: data::replication },
    Section { name: "cpu", title: "CPU", shown: Shown::ByDefault, write: host::cpu },
    Section { name: "modules", title: "Modules", shown: Shown::ByDefault, write: |_, _, _| {} },
    Section { name: "commandstats", title: "Commandstats", shown: Shown::WithAll, write: traffic::commandstats },
    Section { name: "errorstats", title: "Errorstats", shown: Shown::ByDefault, write: traffic::errorstats },
    Section { name: "latencystats", title: "Latencystats", shown: Shown::WithAll, write: traffic::latencystats },
    Section { name: "cluster", title: "Cluster", shown: Shown::ByDefault, write: data::cluster },
    Section { name: "keyspace", title: "Keyspace", shown: Shown::ByDefault, write: data::keyspace },
    Section { name: "debug", title: "Debug", shown: Shown::ByName, write: data::debug },
];

/// The sections asked for, in the order of the table whatever the order they were asked for in.
fn text(broker: &Broker, now: Now, wanted: Many<'_>) -> String {
    let asked = |word: &str| wanted.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let default = wanted.is_empty() || asked("default");
    let all = asked("all") || asked("everything");
    let mut lines = Lines::default();
    for section in SECTIONS {
        let is_wanted = asked(section.name)
            || match section.shown {
                Shown::ByDefault => default || all,
                Shown::WithAll => all,
                Shown::ByName => false,
            };
        if is_wanted {
            lines.heading(section.title);
            (section.write)(&mut lines, broker, now);
            for (_, extra) in broker.facts.info.iter().filter(|(name, _)| name.eq_ignore_ascii_case(section.name)) {
                lines.append(extra);
            }
        }
    }
    lines.into_text()
}
