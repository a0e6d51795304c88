//! Finding a command by its name.
//!
//! Built once from the command table. Names are looked up in any case without allocating; every command and
//! subcommand has a number of its own, under which its statistics are kept.

use std::ops::Deref;
use std::sync::LazyLock;

use hashbrown::HashMap;

use crate::command::Command;
use crate::commands;

/// A command in its place in the catalog.
#[derive(Debug)]
pub struct Known {
    command: &'static Command,
    /// Lower-case name; of a subcommand with its container's, `client|kill`.
    pub full_name: String,
    /// Counts from 0 over commands and subcommands.
    pub number: usize,
    subcommands: HashMap<Vec<u8>, usize>,
    is_subcommand: bool,
}

impl Deref for Known {
    type Target = Command;
    fn deref(&self) -> &Command {
        self.command
    }
}

impl Known {
    /// The declaration.
    pub fn command(&self) -> &'static Command {
        self.command
    }

    /// How many leading arguments name it.
    pub fn words(&self) -> usize {
        if self.is_subcommand { 2 } else { 1 }
    }

    /// Whether it belongs to a container.
    pub fn is_subcommand(&self) -> bool {
        self.is_subcommand
    }
}

/// All commands, by name and by number.
pub struct Catalog {
    all: Vec<Known>,
    by_name: HashMap<Vec<u8>, usize>,
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::build);

/// The longest command name, with room to spare: longer words are no command.
const NAME_BYTES_MAX: usize = 32;

/// The one catalog.
pub fn catalog() -> &'static Catalog {
    &CATALOG
}

impl Catalog {
    fn build() -> Self {
        let mut catalog = Self { all: Vec::new(), by_name: HashMap::new() };
        for command in commands::all() {
            let number = catalog.add(command, command.name.to_ascii_lowercase(), false);
            catalog.by_name.insert(command.name.to_ascii_lowercase().into_bytes(), number);
            for sub in command.subcommands {
                let full_name = format!("{}|{}", command.name, sub.name).to_ascii_lowercase();
                let sub_number = catalog.add(sub, full_name, true);
                let name = sub.name.to_ascii_lowercase().into_bytes();
                catalog.all[number].subcommands.insert(name, sub_number);
            }
        }
        catalog
    }

    fn add(&mut self, command: &'static Command, full_name: String, is_subcommand: bool) -> usize {
        let number = self.all.len();
        self.all.push(Known { command, full_name, number, subcommands: HashMap::new(), is_subcommand });
        number
    }

    /// The command of this name, in any case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Known> {
        lower(name, |name| self.by_name.get(name).map(|&number| &self.all[number]))
    }

    /// The subcommand of this name, in any case.
    pub fn find_sub(&self, container: &Known, name: &[u8]) -> Option<&Known> {
        lower(name, |name| container.subcommands.get(name).map(|&number| &self.all[number]))
    }

    /// The command of this full name, `client|kill` for a subcommand.
    pub fn find_full(&self, name: &[u8]) -> Option<&Known> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.find(name),
            Some(bar) => self.find_sub(self.find(&name[..bar])?, &name[bar + 1..]),
        }
    }

    /// Every command and subcommand, a container before its own.
    pub fn all(&self) -> &[Known] {
        &self.all
    }

    /// Every command that is no subcommand.
    pub fn top(&self) -> impl Iterator<Item = &Known> {
        self.all.iter().filter(|known| !known.is_subcommand)
    }

    /// The subcommands of a container, in the order of its declaration.
    pub fn subcommands<'c>(&'c self, container: &'c Known) -> impl Iterator<Item = &'c Known> {
        let declared = container.command.subcommands.iter();
        declared.filter_map(|sub| self.find_sub(container, sub.name.as_bytes()))
    }
}

#[inline]
fn lower<R>(name: &[u8], then: impl FnOnce(&[u8]) -> Option<R>) -> Option<R> {
    let mut buffer = [0u8; NAME_BYTES_MAX];
    let lowered = buffer.get_mut(..name.len())?;
    for (low, &byte) in lowered.iter_mut().zip(name) {
        *low = byte.to_ascii_lowercase();
    }
    then(lowered)
}
