//! Plays the transcripts on a running server: what they say is also true over sockets, threads and real time.
//!
//! `RBQ_ONLY=list/` plays only files whose path contains that.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::{
    env,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rbq_transcript::{Conversation, Corpus, Script, TcpStage, Venue, play};

use crate::support::Server;

/// Servers at work at once: they wait for us as much as we for them.
const WORKERS: usize = 4;

/// How often a conversation in which time has to pass may miss its moments.
const REALTIME_TRIES: usize = 5;

/// Conversations that would see the stage itself, whose own connection keeps asking who is blocked. The bare broker plays
/// them.
const SEES_THE_STAGE: &[&str] = &[
    "What took long, newest first",
    "Long requests are shortened",
    "LIST and KILL take the same filters, and several at once",
];

#[test]
fn the_server_answers_as_the_transcripts_say() {
    let only = env::var("RBQ_ONLY").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts");
    let scripts = Corpus::read(&folder).unwrap().scripts;
    let conversations: Vec<(&Script, &Conversation)> = scripts
        .iter()
        .filter(|script| script.path.to_str().unwrap().contains(&only))
        .flat_map(|script| script.conversations.iter().map(move |conversation| (script, conversation)))
        .filter(|(_, conversation)| conversation.skip_on(Venue::Rbq).is_none())
        .filter(|(_, conversation)| !SEES_THE_STAGE.contains(&conversation.title.as_str()))
        .collect();
    assert!(!conversations.is_empty(), "there is something to play");
    let next = AtomicUsize::new(0);
    let complaints = Mutex::new(vec![String::new(); conversations.len()]);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((script, conversation)) = conversations.get(index) else { break };
                    complaints.lock().unwrap()[index] = perform(script, conversation);
                }
            });
        }
    });
    let mut complaints = complaints.into_inner().unwrap();
    for ((script, conversation), complaint) in conversations.iter().zip(&mut complaints) {
        // On a machine with more to do than it can, a moment of milliseconds passes before its step is played. Such a
        // conversation is given its chance again, with nothing beside it that is ours.
        let tries = if conversation.realtime { REALTIME_TRIES } else { 0 };
        for _ in 0..tries {
            if !complaint.is_empty() {
                *complaint = perform(script, conversation);
            }
        }
    }
    let complaints = complaints.concat();
    eprintln!("{} conversations played", conversations.len());
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// Plays it on a server of its own, so that nothing one conversation configures can leak into another.
fn perform(script: &Script, conversation: &Conversation) -> String {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut stage = TcpStage::connect_to(server.addr).unwrap();
    play(conversation, &mut stage).diff(script, conversation)
}
