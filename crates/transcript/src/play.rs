//! Plays a conversation on a stage and says for each step who received what, and whether that was right.
//!
//! The player goes on after a wrong reply, so that one look shows all of them; only a stage that fails ends it.

use std::fmt::Write as _;

use bytes::Bytes;
use rbq_resp::split_args;

use crate::{
    conversation::{Action, Conversation, Expected, Script, Step, Turn},
    matching::Bindings,
    render::render_event,
    stage::{Actor, Awaited, Client, Event, Protocol, Stage, StageError},
};

/// What came of a conversation.
#[derive(Debug)]
pub struct Played {
    /// The steps that were played, in order.
    pub steps: Vec<PlayedStep>,
    /// What arrived after the last step.
    pub leftovers: Vec<(Client, Event)>,
    /// Why it ended early, if it did.
    pub failure: Option<StageError>,
}

/// What came of a step: its written replies in their order, then what came unexpected.
#[derive(Debug, Default)]
pub struct PlayedStep {
    /// One for each reply written or received.
    pub answers: Vec<Answer>,
}

/// A reply written, or received, or both.
#[derive(Debug)]
pub struct Answer {
    /// Who should have received, or did receive it.
    pub client: Client,
    /// What was received; `None` when nothing came where something was written.
    pub event: Option<Event>,
    /// Which of the step's [expected](Step::expected) replies it was held against.
    pub expected: Option<usize>,
    /// Whether it is as written.
    pub verdict: Verdict,
}

/// Is an answer as it was written?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Right,
    /// No: different, missing, or not written at all.
    Wrong,
}

/// Plays a whole conversation; `stage` is on an empty server and serves this one only.
pub fn play(conversation: &Conversation, stage: &mut dyn Stage) -> Played {
    let mut player =
        Player { conversation, stage, bindings: Bindings::default(), links: vec![Link::New; conversation.cast.len()] };
    let mut played = Played { steps: Vec::new(), leftovers: Vec::new(), failure: None };
    for step in &conversation.steps {
        match player.step(step) {
            Ok(step) => played.steps.push(step),
            Err(failure) => {
                played.failure = Some(failure);
                return played;
            }
        }
    }
    match player.stage.finish() {
        Ok(leftovers) => played.leftovers = leftovers,
        Err(failure) => played.failure = Some(failure),
    }
    played
}

/// A client's connection, as far as the conversation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    New,
    Open,
    Closed,
}

struct Player<'a> {
    conversation: &'a Conversation,
    stage: &'a mut dyn Stage,
    bindings: Bindings,
    links: Vec<Link>,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<PlayedStep, StageError> {
        let actor = self.perform(&step.action)?;
        let mut counts = vec![0; self.conversation.cast.len()];
        for expected in &step.expected {
            counts[expected.client.0] += 1;
        }
        let events = self.stage.collect(&Awaited { actor, counts: &counts })?;
        for (client, event) in &events {
            if *event == Event::Closed {
                self.links[client.0] = Link::Closed;
            }
        }
        Ok(self.judge(step, events))
    }

    fn perform(&mut self, action: &Action) -> Result<Actor, StageError> {
        match action {
            Action::Command { client, text } => {
                let args = self.args(text)?;
                self.be_connected(*client)?;
                self.stage.request(*client, &args)?;
                Ok(Actor::Asked(*client))
            }
            Action::Bytes { client, raw } => {
                self.be_connected(*client)?;
                self.stage.bytes(*client, raw)?;
                Ok(Actor::Wrote(*client))
            }
            Action::Connect(client) => self.connect(*client).map(|()| Actor::Nobody),
            Action::Disconnect(client) => {
                self.stage.disconnect(*client)?;
                self.links[client.0] = Link::Closed;
                Ok(Actor::Nobody)
            }
            Action::At(time) => self.stage.advance_to(*time).map(|()| Actor::Nobody),
        }
    }

    fn args(&self, text: &str) -> Result<Vec<Bytes>, StageError> {
        let filled = self.bindings.fill(text).map_err(StageError::Unplayable)?;
        let args = split_args(filled.as_bytes()).expect("the parser has split it before");
        Ok(args.into_iter().map(Bytes::from).collect())
    }

    fn be_connected(&mut self, client: Client) -> Result<(), StageError> {
        match self.links[client.0] {
            Link::Open => Ok(()),
            Link::New => self.connect(client),
            Link::Closed => {
                let name = self.conversation.name(client);
                Err(StageError::Unplayable(format!("the connection of `{name}` is closed")))
            }
        }
    }

    fn connect(&mut self, client: Client) -> Result<(), StageError> {
        let resp3 = self.conversation.resp3.iter().any(|name| name == self.conversation.name(client));
        let protocol = if resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        self.stage.connect(client, protocol)?;
        self.links[client.0] = Link::Open;
        Ok(())
    }

    fn judge(&mut self, step: &Step, events: Vec<(Client, Event)>) -> PlayedStep {
        let mut waiting: Vec<Option<(Client, Event)>> = events.into_iter().map(Some).collect();
        let mut played = PlayedStep::default();
        for (index, expected) in step.expected.iter().enumerate() {
            let places = places(&step.expected[index..]);
            let (event, verdict) = self.take(expected, places, &mut waiting);
            played.answers.push(Answer { client: expected.client, event, expected: Some(index), verdict });
        }
        let mut unexpected: Vec<(Client, Event)> = waiting.into_iter().flatten().collect();
        unexpected.sort_by_key(|(client, _)| (Some(*client) != step.action.client(), *client));
        played.answers.extend(unexpected.into_iter().map(|(client, event)| Answer {
            client,
            event: Some(event),
            expected: None,
            verdict: Verdict::Wrong,
        }));
        played
    }

    /// Takes the event an expected reply is held against: of the client's next `places` the first that matches, or
    /// its very next.
    fn take(
        &mut self,
        expected: &Expected,
        places: usize,
        waiting: &mut [Option<(Client, Event)>],
    ) -> (Option<Event>, Verdict) {
        let to_client =
            |event: &&mut Option<(Client, Event)>| matches!(event, Some((client, _)) if *client == expected.client);
        let mut candidates: Vec<_> = waiting.iter_mut().filter(to_client).take(places).collect();
        let matching = candidates
            .iter()
            .position(|event| event.as_ref().is_some_and(|(_, event)| self.bindings.matches(&expected.pattern, event)));
        let taken = candidates.get_mut(matching.unwrap_or(0)).and_then(|event| event.take());
        let verdict = matching.map_or(Verdict::Wrong, |_| Verdict::Right);
        (taken.map(|(_, event)| event), verdict)
    }
}

/// Among how many of its client's next events the first of these replies may be.
fn places(expected: &[Expected]) -> usize {
    let first = &expected[0];
    if first.turn == Turn::Next {
        return 1;
    }
    let same_client = expected.iter().filter(|reply| reply.client == first.client);
    same_client.take_while(|reply| reply.turn == Turn::Any).count()
}

impl Played {
    /// Was everything as written, to the end?
    #[must_use]
    pub fn is_right(&self) -> bool {
        let right = |answer: &Answer| answer.verdict == Verdict::Right;
        self.failure.is_none()
            && self.leftovers.is_empty()
            && self.steps.iter().flat_map(|step| &step.answers).all(right)
    }

    /// What clients received, one reply a line as a transcript writes it: for snapshots.
    #[must_use]
    pub fn answers(&self, conversation: &Conversation) -> String {
        let answers = self.steps.iter().flat_map(|step| &step.answers);
        let received = answers.filter_map(|answer| Some((answer.client, answer.event.as_ref()?)));
        let left = self.leftovers.iter().map(|(client, event)| (*client, event));
        let mut out = String::new();
        for (client, event) in received.chain(left) {
            let _ = writeln!(out, "{}: {}", conversation.name(client), render_event(event, 0));
        }
        if let Some(failure) = &self.failure {
            let _ = writeln!(out, "! {failure}");
        }
        out
    }

    /// The steps that went wrong, as a difference to the file; empty when all was right.
    #[must_use]
    pub fn diff(&self, script: &Script, conversation: &Conversation) -> String {
        let mut out = String::new();
        for (step, played) in conversation.steps.iter().zip(&self.steps) {
            if played.answers.iter().any(|answer| answer.verdict == Verdict::Wrong) {
                let _ = writeln!(out, "  {:>4}  {}", step.line, script.lines[step.line - 1].trim());
                for answer in &played.answers {
                    out.push_str(&answer.diff(script, conversation, step));
                }
            }
        }
        for (client, event) in &self.leftovers {
            let _ = writeln!(out, "      + {}: {}  (at the end)", conversation.name(*client), render_event(event, 8));
        }
        if let Some(failure) = &self.failure {
            let stopped = conversation.steps.get(self.steps.len());
            let line = stopped.map_or_else(String::new, |step| script.lines[step.line - 1].trim().to_owned());
            let _ = writeln!(out, "      ! {line}: {failure}");
        }
        if !out.is_empty() {
            let place = format!("{}:{}", script.path.display(), conversation.line);
            out.insert_str(0, &format!("{place} {}\n", conversation.title));
        }
        out
    }
}

impl Answer {
    fn diff(&self, script: &Script, conversation: &Conversation, step: &Step) -> String {
        let mut out = String::new();
        let written = self.expected.map(|index| &step.expected[index]);
        let sign = if self.verdict == Verdict::Right { ' ' } else { '-' };
        for line in written.into_iter().flat_map(|written| &script.lines[written.lines.clone()]) {
            let _ = writeln!(out, "      {sign} {}", line.trim());
        }
        if self.verdict == Verdict::Wrong
            && let Some(event) = &self.event
        {
            let _ = writeln!(out, "      + {}: {}", conversation.name(self.client), render_event(event, 8));
        }
        out
    }
}
