//! Commands of the REPL itself: they begin with a backslash, so that no server can have one of the same name.

/// What the REPL is told by a backslash command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Help,
    /// Help on a command: what follows `\help`.
    HelpOn(Vec<Vec<u8>>),
    Json(Switch),
    /// One command, its JSON values pretty.
    JsonOnce(Vec<Vec<u8>>),
    Tables(Switch),
    Timing(Switch),
    Status,
    Stop,
    Connect(Vec<Vec<u8>>),
    Clear,
    Quit,
}

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
    /// Without a word: the other way.
    Flip,
}

impl Switch {
    /// Sets it, and says how it is now.
    pub(super) fn apply(self, what: &str, setting: &mut bool) -> String {
        *setting = match self {
            Self::On => true,
            Self::Off => false,
            Self::Flip => !*setting,
        };
        format!("{what} {}\n", if *setting { "on" } else { "off" })
    }
}

/// Name, arguments, meaning.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("\\help", "[COMMAND | @GROUP]", "this list, or help on a command"),
    ("\\json", "[on | off | COMMAND]", "show JSON in strings over several lines: from now on, or for one command"),
    (
        "\\tables",
        "[on | off]",
        "show streams, XINFO, XPENDING and messages as tables and lines; off: as redis-cli does",
    ),
    ("\\timing", "[on | off]", "show how long each command took"),
    ("\\status", "", "where we are connected, and what is switched on"),
    ("\\stop", "", "end all subscriptions and MONITOR (also Ctrl-C on an empty line)"),
    ("\\connect", "URL | HOST PORT", "talk to another server"),
    ("\\clear", "", "clear the screen"),
    ("\\quit", "", "leave (also Ctrl-D)"),
];

/// Words without a backslash that redis-cli's users know.
pub(super) const LOCAL: &[&str] = &["help", "quit", "exit", "clear", "connect"];

/// Whether this word is one of [`LOCAL`].
pub(super) fn is_local(word: &[u8]) -> bool {
    word == b"?" || LOCAL.iter().any(|local| word.eq_ignore_ascii_case(local.as_bytes()))
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|(name, ..)| *name)
}

/// Whether it is a backslash command.
pub(super) fn is_known(word: &[u8]) -> bool {
    names().any(|name| name.as_bytes() == word)
}

/// What a backslash command wants behind it, for whoever wrote something else.
fn followed_by(name: &[u8]) -> String {
    let known = COMMANDS.iter().find(|(known, ..)| known.as_bytes() == name);
    let arguments = known.map_or("", |(_, arguments, _)| arguments);
    let name = String::from_utf8_lossy(name);
    match arguments {
        "" => format!("`{name}` stands alone"),
        arguments => format!("`{name}` is followed by {arguments}"),
    }
}

/// The words that may follow this one.
pub(super) fn arguments(name: &[u8]) -> &'static [&'static str] {
    match name {
        b"\\json" | b"\\tables" | b"\\timing" => &["on", "off"],
        _ => &[],
    }
}

/// The list of them, for a person.
pub(super) fn list() -> String {
    let width = COMMANDS.iter().map(|(name, arguments, _)| name.len() + 1 + arguments.len()).max().unwrap_or_default();
    let line = |(name, arguments, meaning): &(&str, &str, &str)| {
        format!("{:width$}  {meaning}\n", format!("{name} {arguments}"))
    };
    COMMANDS.iter().map(line).collect()
}

/// What these words ask for, if the first is a backslash command.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(words: &[Vec<u8>]) -> Option<Result<Order, String>> {
    let (first, rest) = words.split_first()?;
    if !first.starts_with(b"\\") {
        return None;
    }
    let switch = || match rest {
        [] => Ok(Switch::Flip),
        [word] if word.eq_ignore_ascii_case(b"on") => Ok(Switch::On),
        [word] if word.eq_ignore_ascii_case(b"off") => Ok(Switch::Off),
        _ => Err(format!("`{}` is followed by `on`, `off` or nothing", String::from_utf8_lossy(first))),
    };
    Some(match (first.as_slice(), rest) {
        (b"\\help" | b"\\?" | b"\\h", []) => Ok(Order::Help),
        (b"\\help" | b"\\?" | b"\\h", _) => Ok(Order::HelpOn(rest.to_vec())),
        (b"\\json", _) => match switch() {
            Ok(switch) => Ok(Order::Json(switch)),
            Err(_) => Ok(Order::JsonOnce(rest.to_vec())),
        },
        (b"\\tables", _) => switch().map(Order::Tables),
        (b"\\timing", _) => switch().map(Order::Timing),
        (b"\\status", []) => Ok(Order::Status),
        (b"\\stop", []) => Ok(Order::Stop),
        (b"\\connect", [_] | [_, _]) => Ok(Order::Connect(rest.to_vec())),
        (b"\\clear", []) => Ok(Order::Clear),
        (b"\\quit" | b"\\q", []) => Ok(Order::Quit),
        _ if is_known(first) => Err(followed_by(first)),
        _ => Err(format!(
            "no command is called `{}`; `\\help` lists those with a backslash",
            String::from_utf8_lossy(first)
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Option<Result<Order, String>> {
        parse(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn backslash_commands_are_read() {
        for (line, expected) in [
            ("\\timing", Order::Timing(Switch::Flip)),
            ("\\timing ON", Order::Timing(Switch::On)),
            ("\\json off", Order::Json(Switch::Off)),
            ("\\json get", Order::JsonOnce(vec![b"get".to_vec()])),
            ("\\help xadd", Order::HelpOn(vec![b"xadd".to_vec()])),
            ("\\q", Order::Quit),
        ] {
            assert_eq!(order(line), Some(Ok(expected)), "{line}");
        }
        assert_eq!(order("get k"), None);
        for line in ["\\nope", "\\timing x", "\\connect", "\\stop now"] {
            assert!(matches!(order(line), Some(Err(_))), "{line}");
        }
        assert_eq!(order("\\connect"), Some(Err("`\\connect` is followed by URL | HOST PORT".to_owned())));
        assert_eq!(order("\\stop now"), Some(Err("`\\stop` stands alone".to_owned())));
    }

    #[test]
    fn every_backslash_command_is_one() {
        for name in names() {
            let lines = [name.to_owned(), format!("{name} x")];
            assert!(lines.iter().any(|line| matches!(order(line), Some(Ok(_)))), "{name}");
            assert!(list().contains(name));
        }
    }
}
