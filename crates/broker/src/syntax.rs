//! A command's grammar as one line of text, in the notation of the Redis manual.
//!
//! `[x]` may be left out, `<a | b>` is a choice that must be made, `x [x ...]` may be repeated. Made from the command table, so
//! that help, hints and the manual cannot say anything else than what COMMAND DOCS says.

use crate::catalog::Known;
use crate::command::{Arg, ArgKind};

/// `XADD key [NOMKSTREAM] …`, a container's subcommand with the container's name.
pub fn syntax(known: &Known) -> String {
    let name = known.full_name.to_ascii_uppercase().replace('|', " ");
    std::iter::once(name).chain(known.args.iter().map(argument)).collect::<Vec<_>>().join(" ")
}

fn argument(arg: &Arg) -> String {
    let once = once(arg);
    let text = match (arg.many, arg.many_token) {
        (false, _) => once,
        (true, true) => format!("{once} [{once} ...]"),
        (true, false) => {
            let value = value(arg);
            format!("{once} [{value} ...]")
        }
    };
    if arg.optional { format!("[{}]", stripped(arg, text)) } else { text }
}

/// An optional choice needs one pair of brackets, not two.
fn stripped(arg: &Arg, text: String) -> String {
    let is_bare_choice = matches!(arg.kind, ArgKind::OneOf(_)) && arg.token.is_none() && !arg.many;
    match text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
        Some(inner) if is_bare_choice => inner.to_owned(),
        _ => text,
    }
}

fn once(arg: &Arg) -> String {
    let value = value(arg);
    match arg.token {
        None => value,
        Some(token) if value.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {value}"),
    }
}

fn value(arg: &Arg) -> String {
    match arg.kind {
        ArgKind::Token => String::new(),
        ArgKind::OneOf(choices) => {
            let choices: Vec<String> = choices.iter().map(argument).collect();
            format!("<{}>", choices.join(" | "))
        }
        ArgKind::Block(parts) => parts.iter().map(argument).collect::<Vec<_>>().join(" "),
        _ => arg.name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::catalog;

    fn of(name: &str) -> String {
        syntax(catalog().find_full(name.as_bytes()).expect("it is a command"))
    }

    #[test]
    fn the_manual_s_own_lines() {
        assert_eq!(of("llen"), "LLEN key");
        assert_eq!(of("lpush"), "LPUSH key element [element ...]");
        assert_eq!(of("blmpop"), "BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]");
        assert_eq!(
            of("lmovem"),
            "LMOVEM source destination <LEFT | RIGHT> <LEFT | RIGHT> [<COUNT count | EXACTLY exactly> <OBO | BULK>]"
        );
        assert_eq!(of("xgroup|create"), "XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]");
        assert_eq!(of("xackdel"), "XACKDEL key group [KEEPREF | DELREF | ACKED] IDS numids id [id ...]");
        assert_eq!(
            of("xadd"),
            "XADD key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [IDMPAUTO pid | IDMP pid iid] [<MAXLEN | MINID> [= | ~] threshold \
             [LIMIT count]] <* | id> field value [field value ...]"
        );
        assert_eq!(of("lpos"), "LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]");
    }
}
