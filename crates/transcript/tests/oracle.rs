//! Plays the transcripts on the real `redis-server`: that they are true is measured here, not believed.
//!
//! `RBQ_BLESS=1` writes the answers into the files instead; then read them. `RBQ_ONLY=list/` plays only files whose
//! path contains that.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rbq_transcript::{Corpus, Difference, Played, RealServer, Script, Skip, TcpStage, Venue, Version, bless, play};

/// Servers at work at once: they wait for us as much as we for them.
const WORKERS: usize = 4;

/// How long a reply that may well not come is waited for.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../transcripts")
}

fn scripts() -> Vec<Script> {
    let only = env::var("RBQ_ONLY").unwrap_or_default();
    let mut scripts = Corpus::read(&folder()).unwrap().scripts;
    scripts.retain(|script| script.path.to_str().unwrap().contains(&only));
    scripts
}

/// What is done with the conversations of a script.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Compare,
    Bless,
}

/// How often a conversation in which time has to pass may miss its moments.
const REALTIME_TRIES: usize = 5;

/// What came of one script.
#[derive(Default)]
struct Outcome {
    played: usize,
    skipped: usize,
    complaints: String,
}

#[test]
fn redis_answers_as_the_transcripts_say() {
    let Some(program) = RealServer::program() else {
        return;
    };
    let version = RealServer::start(&program).unwrap().version().unwrap();
    let mode = if env::var_os("RBQ_BLESS").is_some() { Mode::Bless } else { Mode::Compare };
    let scripts = scripts();
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = perform(&program, version, script, mode);
                    outcomes.lock().unwrap().push((script.path.clone(), outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    let played: usize = outcomes.iter().map(|(_, outcome)| outcome.played).sum();
    let skipped: usize = outcomes.iter().map(|(_, outcome)| outcome.skipped).sum();
    eprintln!("redis-server {version}: {played} conversations compared, {skipped} not comparable");
    let complaints: String = outcomes.into_iter().map(|(_, outcome)| outcome.complaints).collect();
    assert!(complaints.is_empty(), "\n{complaints}");
}

fn perform(program: &str, version: Version, script: &Script, mode: Mode) -> Outcome {
    let mut outcome = Outcome::default();
    let mut all = Vec::new();
    for conversation in &script.conversations {
        let skip = conversation.skip_on(Venue::Redis(version));
        let patience = (mode == Mode::Bless || skip.is_some()).then_some(SHORT_PATIENCE);
        let run = || {
            let server = RealServer::start(program).unwrap();
            let mut stage = TcpStage::connect_to(server.addr()).unwrap();
            if let Some(patience) = patience {
                stage = stage.with_patience(patience);
            }
            play(conversation, &mut stage)
        };
        let mut blessable: Option<Played> = None;
        match skip {
            None => {
                outcome.played += 1;
                let mut played = run();
                // A busy machine may miss moments of milliseconds; the real server is not what is wrong then.
                for _ in 0..REALTIME_TRIES {
                    if conversation.realtime && mode == Mode::Compare && !played.is_right() {
                        played = run();
                    }
                }
                if mode == Mode::Compare || played.failure.is_some() {
                    outcome.complaints.push_str(&played.diff(script, conversation));
                }
                blessable = Some(played);
            }
            Some(Skip::KnownDifference) if matches!(conversation.differs, Some(Difference::Older { .. })) => {
                outcome.skipped += 1;
                if mode == Mode::Compare && run().is_right() {
                    let place = format!("{}:{}", script.path.display(), conversation.line);
                    outcome.complaints.push_str(&format!("{place}: @differs, but {version} answers so too\n"));
                }
            }
            Some(_) => outcome.skipped += 1,
        }
        all.push(blessable);
    }
    if mode == Mode::Bless {
        fs::write(folder().join(&script.path), bless(script, &all)).unwrap();
    }
    outcome
}
