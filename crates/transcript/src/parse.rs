//! Text to [`Script`]: one line after the other, each known by how it begins.

use std::{ops::Range, path::Path, time::Duration};

use rbq_resp::split_args;
use thiserror::Error;

use crate::{
    conversation::{Action, Conversation, Difference, Expected, Script, Step, Turn},
    lexer::{Cursor, Problem},
    pattern::Pattern,
    stage::Client,
};

/// A line that is not of the language.
#[derive(Debug, Error)]
#[error("{path}:{line}: {problem}")]
pub struct ParseError {
    /// The file, as it was named.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl Script {
    /// Reads a file of conversations. `path` is only what messages call it.
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self, ParseError> {
        let path = path.as_ref();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut parser = Parser { lines: &lines, at: 0, conversations: Vec::new() };
        match parser.script() {
            Ok(()) => {
                let conversations = parser.conversations;
                Ok(Self { path: path.to_owned(), lines, conversations })
            }
            Err(problem) => {
                let line = parser.at.max(1);
                Err(ParseError { path: path.display().to_string(), line, problem })
            }
        }
    }
}

struct Parser<'a> {
    lines: &'a [String],
    /// The next line to read; so also the number, counted from 1, of the line just read.
    at: usize,
    conversations: Vec<Conversation>,
}

impl Parser<'_> {
    fn script(&mut self) -> Result<(), Problem> {
        while self.at < self.lines.len() {
            self.at += 1;
            let line = self.lines[self.at - 1].trim();
            match line.split_at_checked(2) {
                _ if line.is_empty() || line.starts_with('#') => {}
                Some(("==", title)) => self.begin(title.trim()),
                _ if line.starts_with('@') => self.directive(&line[1..])?,
                _ => self.statement(line)?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, title: &str) {
        self.conversations.push(Conversation { title: title.to_owned(), line: self.at, ..Conversation::default() });
    }

    /// The conversation being read; the first one may stand without a title.
    fn current(&mut self) -> &mut Conversation {
        if self.conversations.is_empty() {
            self.begin("");
        }
        self.conversations.last_mut().expect("one was begun")
    }

    fn directive(&mut self, text: &str) -> Result<(), Problem> {
        let conversation = self.current();
        if !conversation.steps.is_empty() {
            return Err("a directive stands before the first step".into());
        }
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match name {
            "realtime" => conversation.realtime = true,
            "own" => conversation.own = true,
            "resp3" => conversation.resp3 = rest.split_whitespace().map(str::to_owned).collect(),
            "needs" => {
                let version = rest.parse().map_err(|()| format!("not a version: `{rest}`"))?;
                conversation.needs = Some(version);
            }
            "differs" => conversation.differs = Some(difference(rest)?),
            other => return Err(format!("no such directive: `@{other}`")),
        }
        Ok(())
    }

    fn statement(&mut self, line: &str) -> Result<(), Problem> {
        if let Some(time) = line.strip_prefix("at ") {
            return self.step(Action::At(duration(time.trim())?));
        }
        let end = line.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
        let (name, rest) = line.split_at(end.unwrap_or(line.len()));
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err("a line begins with a client's name, `at`, `==`, `@` or `#`".into());
        }
        if let Some(reply) = rest.strip_prefix(':') {
            return self.expected(name, Turn::Next, reply);
        }
        if let Some(reply) = rest.strip_prefix('~') {
            return self.expected(name, Turn::Any, reply);
        }
        let client = self.client(name);
        match rest.trim() {
            "" => Err(format!("what does `{name}` do?")),
            "connects" => self.step(Action::Connect(client)),
            "disconnects" => self.step(Action::Disconnect(client)),
            text => match text.strip_prefix("sends ") {
                Some(bytes) => {
                    let raw = Cursor::new(bytes.trim()).quoted()?;
                    self.step(Action::Bytes { client, raw })
                }
                None => self.command(client, text),
            },
        }
    }

    fn command(&mut self, client: Client, text: &str) -> Result<(), Problem> {
        if split_args(text.as_bytes()).is_err() {
            return Err("the quotes of this command are not closed".into());
        }
        self.step(Action::Command { client, text: text.to_owned() })
    }

    fn step(&mut self, action: Action) -> Result<(), Problem> {
        let line = self.at;
        self.current().steps.push(Step { line, action, expected: Vec::new() });
        Ok(())
    }

    fn client(&mut self, name: &str) -> Client {
        let cast = &mut self.current().cast;
        let known = cast.iter().position(|known| known == name);
        Client(known.unwrap_or_else(|| {
            cast.push(name.to_owned());
            cast.len() - 1
        }))
    }

    fn expected(&mut self, name: &str, turn: Turn, first: &str) -> Result<(), Problem> {
        let begin = self.at - 1;
        let mut text = first.to_owned();
        while let Some(more) = self.continuation(&text) {
            text.push(' ');
            text.push_str(more.trim());
            self.at += 1;
        }
        let pattern = Pattern::parse(&text)?;
        let lines: Range<usize> = begin..self.at;
        let conversation = self.current();
        let known = conversation.cast.iter().position(|known| known == name);
        let client = Client(known.ok_or_else(|| format!("`{name}` has not said anything yet"))?);
        let step = conversation.steps.last_mut().ok_or("a reply stands after a step")?;
        step.expected.push(Expected { client, turn, pattern, lines });
        Ok(())
    }

    /// The next line, when the reply so far has open brackets.
    fn continuation(&self, text: &str) -> Option<&str> {
        let next = self.lines.get(self.at)?;
        (open_brackets(text) > 0).then_some(next.as_str())
    }
}

/// How many brackets are open at the end, not counting those in quotes; a top-level status or error has none.
fn open_brackets(text: &str) -> i32 {
    if text.trim_start().starts_with(['+', '-']) {
        return 0;
    }
    let mut depth = 0;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    depth
}

fn difference(text: &str) -> Result<Difference, Problem> {
    let (whose, reason) = text.split_once(' ').ok_or("`@differs` wants a version or `rbq`, and a reason")?;
    let reason = reason.trim().to_owned();
    if whose == "rbq" {
        return Ok(Difference::Rbq { reason });
    }
    let until = whose.parse().map_err(|()| format!("not a version: `{whose}`"))?;
    Ok(Difference::Older { until, reason })
}

fn duration(text: &str) -> Result<Duration, Problem> {
    let wrong = || format!("not a time: `{text}` (write `1500ms`, `5s`, `2m`, `3h` or `1d`)");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_millis(number * ms))
}
