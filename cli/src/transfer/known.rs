//! Which commands rbq has, from its own table, down to subcommands.

use std::collections::HashSet;

use rbq_broker::command::{Family, Flags};
use rbq_broker::commands;

/// The names: `XADD`, `XGROUP`, `XGROUP|CREATE`.
#[derive(Debug)]
pub(crate) struct Known {
    names: HashSet<String>,
    /// Those that no log of a server holds: they change no key.
    foreign: HashSet<String>,
    containers: HashSet<&'static str>,
}

impl Known {
    pub(crate) fn new() -> Self {
        let mut known = Self { names: HashSet::new(), foreign: HashSet::new(), containers: HashSet::new() };
        for command in commands::all() {
            known.names.insert(command.name.to_owned());
            // Redis logs that scripts and functions were loaded or dropped.
            if !command.flags.has(Flags::WRITE) && command.group != Family::Scripting {
                known.foreign.insert(command.name.to_owned());
            }
            for subcommand in command.subcommands {
                if subcommand.flags.has(Flags::WRITE) {
                    known.foreign.remove(command.name);
                }
                known.containers.insert(command.name);
                known.names.insert(format!("{}|{}", command.name, subcommand.name));
            }
        }
        known
    }

    /// Whether there is a command of this name, as COMMANDSTATS writes it.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.names.contains(&name.to_uppercase())
    }

    /// Whether there is a command for these arguments.
    pub(crate) fn has(&self, args: &[Vec<u8>]) -> bool {
        let upper = |index: usize| args.get(index).map(|arg| String::from_utf8_lossy(arg).to_uppercase());
        let Some(name) = upper(0) else { return false };
        if !self.containers.contains(name.as_str()) {
            return self.names.contains(&name);
        }
        upper(1).is_some_and(|subcommand| self.names.contains(&format!("{name}|{subcommand}")))
    }

    /// Whether a server would never have written this into its log.
    pub(crate) fn is_foreign(&self, args: &[Vec<u8>]) -> bool {
        args.first().is_some_and(|name| self.foreign.contains(&String::from_utf8_lossy(name).to_uppercase()))
    }

    /// What to call the command, and the key it names first.
    pub(crate) fn title(&self, args: &[Vec<u8>]) -> (String, Vec<u8>) {
        let upper = |arg: &Vec<u8>| String::from_utf8_lossy(arg).to_uppercase();
        let name = args.first().map(upper).unwrap_or_default();
        let words = if self.containers.contains(name.as_str()) { 2 } else { 1 };
        let title: Vec<String> = args.iter().take(words).map(upper).collect();
        (title.join(" "), args.get(words).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_what_is_in_it() {
        let known = Known::new();
        let has = |line: &str| known.has(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert!(has("xadd s 1-1 a b") && has("xgroup create s g 0") && known.has_name("config|get"));
        let is_foreign =
            |line: &str| known.is_foreign(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        for line in ["shutdown nosave", "CONFIG SET dir /", "subscribe c", "debug sleep 1", "get a"] {
            assert!(is_foreign(line) || !has(line), "{line}");
        }
        for line in ["xadd s 1-1 a b", "XGROUP CREATE s g 0", "flushall", "swapdb 0 1", "script flush", "persist a"] {
            assert!(!is_foreign(line), "{line}");
        }
        assert!(!has("hset h a b") && !has("function load x") && !has("xgroup") && !known.has_name("function|load"));
    }
}
