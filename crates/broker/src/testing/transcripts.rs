//! Every transcript of the project, and every command's example, on the bare broker.

use std::collections::BTreeSet;
use std::path::Path;

use rbq_resp::split_args;
use rbq_transcript::{Action, Corpus, Script, Venue};

use super::BareStage;
use crate::catalog::catalog;
use crate::command::{Arg, ArgKind};

#[test]
fn every_transcript_is_true_of_the_bare_broker() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts");
    let corpus = Corpus::read(&folder).expect("the transcripts are well-formed");
    let mut wrong = String::new();
    for script in &corpus.scripts {
        wrong.push_str(&differences(script));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_command_shows_an_example_and_it_is_true() {
    let mut wrong = String::new();
    for known in catalog().all().iter().filter(|known| known.command().subcommands.is_empty()) {
        if known.example.trim().is_empty() {
            wrong.push_str(&format!("{}: no example\n", known.full_name));
            continue;
        }
        let script = Script::parse(&known.full_name, known.example).expect("an example is well-formed");
        wrong.push_str(&differences(&script));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a script says otherwise than the bare broker.
fn differences(script: &Script) -> String {
    let mut wrong = String::new();
    for conversation in script.conversations.iter().filter(|c| c.skip_on(Venue::Bare).is_none()) {
        let played = rbq_transcript::play(conversation, &mut BareStage::new());
        if !played.is_right() {
            wrong.push_str(&played.diff(script, conversation));
        }
    }
    wrong
}

#[test]
fn every_option_of_every_command_is_in_some_transcript() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts");
    let corpus = Corpus::read(&folder).expect("the transcripts are well-formed");
    let said: Vec<Vec<String>> = corpus.scripts.iter().flat_map(requests).collect();
    let mut lacking = Vec::new();
    for known in catalog().all().iter().filter(|known| known.command().subcommands.is_empty()) {
        let words: Vec<String> = known.full_name.to_ascii_uppercase().split('|').map(str::to_owned).collect();
        let said: Vec<&Vec<String>> = said.iter().filter(|request| request.starts_with(&words)).collect();
        let mut tokens = BTreeSet::new();
        known.args.iter().for_each(|arg| collect_tokens(arg, &mut tokens));
        if said.is_empty() {
            lacking.push(known.full_name.to_string());
        }
        for token in tokens {
            if !said.iter().any(|request| request.iter().any(|word| word == token)) {
                lacking.push(format!("{} {token}", known.full_name));
            }
        }
    }
    assert!(lacking.is_empty(), "in no transcript: {}", lacking.join(", "));
}

/// The requests of a script, in words of capitals.
fn requests(script: &Script) -> Vec<Vec<String>> {
    let steps = script.conversations.iter().flat_map(|conversation| &conversation.steps);
    let texts = steps.filter_map(|step| match &step.action {
        Action::Command { text, .. } => Some(text),
        _ => None,
    });
    let upper = |word: Vec<u8>| String::from_utf8_lossy(&word).to_ascii_uppercase();
    texts.filter_map(|text| Some(split_args(text.as_bytes()).ok()?.into_iter().map(upper).collect())).collect()
}

fn collect_tokens(arg: &Arg, tokens: &mut BTreeSet<&'static str>) {
    // `""` stands for nothing being said (XREAD's plain form), and `+` and the like are words as others are.
    tokens.extend(arg.token.filter(|token| !token.is_empty()));
    if let ArgKind::OneOf(args) | ArgKind::Block(args) = arg.kind {
        args.iter().for_each(|arg| collect_tokens(arg, tokens));
    }
}
