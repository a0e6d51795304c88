//! Every transcript of the project, and every command's example, on the bare broker.

use std::path::Path;

use rbq_transcript::{Corpus, Script, Venue};

use super::BareStage;
use crate::catalog::catalog;

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
