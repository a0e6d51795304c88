//! `rbq dlq edit`: change the message of a dead letter, in an editor or by `--set` and `--jq`, and leave it where it is.
//!
//! An entry of a stream cannot be changed, so a changed one takes its place at the end, in one transaction, with the same
//! provenance and the hash of the original. It is sent on by `redrive`, like any other.

use std::env;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::process::Command;

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;
use serde_json::Value as Json;

use super::change::ChangeArgs;
use super::entries::{self, Entry, EntryId, append};
use super::keys::{self, Place, shown};
use super::letters;
use super::redrive;
use super::show;
use crate::consent::{Answer, ConsentArgs, Plan};
use crate::deadletter::Field;
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::ServerArgs;
use crate::servers::{Servers, accepted, transact};

/// Change the message of a dead letter: in $VISUAL or $EDITOR, or by --set and --jq
#[derive(Debug, Clone, Args)]
pub(crate) struct EditArgs {
    /// The dead-letter stream, or its source: orders.dlq, orders, orders/billing
    key: String,
    /// Which one
    id: EntryId,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: EditArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let place = keys::resolve(&mut servers, &args.key).await?;
    redrive::refuse_if_unfinished(&mut servers, &place).await?;
    let (entry, mut letter) = show::one(&mut servers, &place, args.id).await?;
    let changes = args.change.changes();
    let payload = if changes.is_none() {
        in_editor(&letter.payload)?
    } else {
        changes.compile()?.change(&letter.payload).map_err(Failure::new)?
    };
    let title = format!("change {} of `{}`", args.id, place.name());
    let mut plan =
        if payload == letter.payload { Plan::nothing(format!("{title}: nothing")) } else { Plan::new(title) };
    differences(&letter.payload, &payload, &mut plan);
    if let Answer::Stop(exit) = args.consent.ask(&plan, &args.server)? {
        return Ok(exit);
    }
    letter.payload = payload;
    let replaced = replace(&mut servers, &place, &entry, &letter.encode()).await?;
    say(&format!("changed; it is {replaced} now"));
    Ok(Exit::Done)
}

/// Puts the changed entry in the place of the old one, if that is still what was shown.
async fn replace(servers: &mut Servers, place: &Place, old: &Entry, fields: &[Field]) -> Result<String> {
    let id = old.id.to_string();
    let link = servers.of(&place.key).await?;
    loop {
        accepted(link.call(Request::new("WATCH").arg(&place.key)).await?)?;
        let there = entries::read(link.call(Request::new("XRANGE").arg(&place.key).arg(&id).arg(&id)).await?)?;
        if there.first() != Some(old) {
            return Err(Failure::new(format!("{id} has gone from `{}` meanwhile", place.name())));
        }
        let commands = vec![append(&place.key, fields), Request::new("XDEL").arg(&place.key).arg(&id)];
        // Another dead letter may come in just now; then once more.
        if let Some(replies) = transact(link, commands).await? {
            let added = accepted(replies.into_iter().next().unwrap_or(Value::Null))?;
            return Ok(String::from_utf8_lossy(added.as_bytes().unwrap_or_default()).into_owned());
        }
    }
}

/// Shows the fields to a person, who may change them.
fn in_editor(fields: &[Field]) -> Result<Vec<Field>> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = match editor {
        Some(editor) => editor,
        // An editor that was named may be a script; this one wants a person.
        None if io::stdin().is_terminal() && io::stdout().is_terminal() => "vi".to_owned(),
        None => {
            return Err(Failure::usage("there is no terminal to edit on, and neither VISUAL nor EDITOR is set")
                .hint("--set and --jq change a message without an editor"));
        }
    };
    let file = tempfile::Builder::new().prefix("rbq-").suffix(".json").tempfile()?;
    let text = serde_json::to_string_pretty(&letters::pairs(fields)).expect("JSON is text");
    fs::write(file.path(), text + "\n")?;
    // Through a shell, because people have `code --wait` in there.
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(file.path()).status()?;
    if !status.success() {
        return Err(Failure::new(format!("`{editor}` ended with {status}; nothing was changed")));
    }
    let json: Option<Json> = serde_json::from_slice(&fs::read(file.path())?).ok();
    json.as_ref().and_then(letters::fields_of).filter(|fields| !fields.is_empty()).ok_or_else(|| {
        Failure::new("what was saved is no list of pairs; nothing was changed")
            .hint("keep the form: [[\"field\", \"value\"], …]")
    })
}

fn differences(old: &[Field], new: &[Field], plan: &mut Plan) {
    let line = |mark: char, (name, value): &Field| format!("{mark} {}: {}", shown(name), shown(value));
    for field in old.iter().filter(|field| !new.contains(field)) {
        plan.line(line('-', field));
    }
    for field in new.iter().filter(|field| !old.contains(field)) {
        plan.line(line('+', field));
    }
    if new.len() == old.len() && old.iter().all(|field| new.contains(field)) && old != new {
        plan.line("the order of the fields");
    }
}
