//! `CONFIG SET parameter value [parameter value ...]`: all of them, or none.

use rbq_resp::Sink;

use super::ADMIN;
use crate::args::Args;
use crate::broker::{Action, Turn};
use crate::command::{Arg, Arity, Command, Flags, Run};
use crate::error::Error;
use crate::settings::{Mutable, Parameter, Settings};

pub(super) const COMMAND: Command = Command {
    name: "SET",
    summary: "Sets configuration parameters in-flight.",
    complexity: "O(N) when N is the number of configuration parameters provided",
    arity: Arity::AtLeast(4),
    flags: ADMIN.flags.with(Flags::SYNCED),
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    args: &[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).many()],
    history: &[("7.0.0", "Added the ability to set multiple parameters in one call.")],
    example: "
        ann  CONFIG SET slowlog-max-len 64 slowlog-log-slower-than 500
        ann: +OK
        ann  CONFIG SET slowlog-max-len 32 port 1
        ann: -ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config
        ann  CONFIG GET slowlog-max-len
        ann: [slowlog-max-len, \"64\"]
    ",
    run: Run::Act(|turn, args, reply| {
        let changes = Change::parse(args, turn)?;
        let mut settings = turn.broker.settings.clone();
        for change in &changes {
            change.apply(&mut settings)?;
        }
        if let Some(switch) = changes.iter().find(|change| change.parameter.name == "appendonly") {
            if turn.broker.is_switching {
                return Err(switch.refused("it is being changed already"));
            }
            if settings.appendonly != turn.broker.settings.appendonly {
                return begin_switch(turn, &changes, switch, settings);
            }
        }
        if let Some(dir) = changes.iter().find(|change| change.parameter.name == "dir")
            && settings.dir != turn.broker.settings.dir
            && (turn.broker.settings.appendonly.0 || turn.broker.is_switching)
        {
            return Err(dir.refused("appendonly is on, and what is kept stays where it is: switch that off first"));
        }
        turn.broker.settings = settings;
        for change in &changes {
            turn.broker.ask(Action::ParameterChanged(change.parameter));
        }
        reply.status("OK");
        Ok(())
    }),
    ..ADMIN
};

/// Parks the client until the driver has begun, or ended, to keep what changes. Nothing of it holds before.
fn begin_switch(
    turn: &mut Turn<'_>,
    changes: &[Change<'_>],
    switch: &Change<'_>,
    settings: Settings,
) -> Result<(), Error> {
    if turn.in_exec() {
        return Err(switch.refused("it takes its time, so it cannot be changed inside a transaction"));
    }
    if turn.broker.is_backing_up {
        return Err(
            switch.refused("a backup is being made, and reads what would be let go of: try again when it is done")
        );
    }
    let text = |change: &Change<'_>| String::from_utf8_lossy(change.value).into_owned();
    let changes = changes.iter().map(|change| (change.parameter, text(change))).collect();
    let ticket = turn.park_until_done();
    turn.broker.want_switch(turn.client, ticket, settings, changes);
    Ok(())
}

/// One parameter, as it was named, and its new value.
struct Change<'a> {
    parameter: &'static Parameter,
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Change<'a> {
    /// Every name is looked at before any value is.
    fn parse(args: &mut Args<'a>, turn: &Turn<'_>) -> Result<Vec<Self>, Error> {
        if !args.left().is_multiple_of(2) {
            return Err(Error::Syntax);
        }
        let mut changes: Vec<Self> = Vec::new();
        while !args.is_empty() {
            let (name, value) = (args.bytes()?, args.bytes()?);
            let known = std::str::from_utf8(name).ok().and_then(Settings::parameter);
            let Some(parameter) = known else {
                let name = String::from_utf8_lossy(name);
                return Err(Error::err(format_args!(
                    "Unknown option or number of arguments for CONFIG SET - '{name}'"
                )));
            };
            let change = Self { parameter, name, value };
            match parameter.mutable {
                Mutable::Live => {}
                Mutable::Start => return Err(change.refused("can't set immutable config")),
                Mutable::Protected if turn.is_allowed(turn.broker.settings.enable_protected_configs) => {}
                Mutable::Protected => return Err(change.refused("can't set protected config")),
            }
            if changes.iter().any(|other| std::ptr::eq(other.parameter, parameter)) {
                return Err(change.refused("duplicate parameter"));
            }
            changes.push(change);
        }
        Ok(changes)
    }

    fn apply(&self, settings: &mut Settings) -> Result<(), Error> {
        let value = std::str::from_utf8(self.value).map_err(|_| self.refused("argument must be UTF-8 text"))?;
        (self.parameter.set)(settings, value).map_err(|reason| self.refused(&reason))
    }

    fn refused(&self, reason: &str) -> Error {
        let name = String::from_utf8_lossy(self.name);
        Error::err(format_args!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
    }
}
