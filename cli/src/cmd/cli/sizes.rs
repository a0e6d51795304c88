//! `--bigkeys` and `--memkeys`: the largest key of each type, and what the types hold together.
//!
//! Types and sizes of a step's keys are asked for in two pipelines, so that a step costs three round trips. Ctrl-C ends the walk, and
//! the summary tells of what was seen until then.

use rbq_client::{Link, Request};
use rbq_resp::{Value, quote};

use super::dial::Dial;
use super::keys::{KEYS_A_LINE, STEPS_A_PAUSE, Walk, headline, percent, total};
use super::{Run, pause};
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// What makes a key big.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measure {
    Elements,
    /// Bytes, by a look at so many elements.
    Memory {
        samples: Option<i64>,
    },
}

/// One type and what was found of it.
struct Kind {
    name: String,
    size_command: Option<&'static str>,
    unit: &'static str,
    biggest: Option<(u64, String)>,
    size_sum: u64,
    keys: u64,
}

/// In the order in which redis-cli names them.
const KINDS: [(&str, &str, &str); 6] = [
    ("list", "LLEN", "items"),
    ("hash", "HLEN", "fields"),
    ("string", "STRLEN", "bytes"),
    ("stream", "XLEN", "entries"),
    ("set", "SCARD", "members"),
    ("zset", "ZCARD", "members"),
];

impl Measure {
    fn request(self, kind: &Kind, key: &[u8]) -> Option<Request> {
        match self {
            Self::Elements => kind.size_command.map(|command| Request::new(command).arg(key)),
            Self::Memory { samples } => {
                let mut request = Request::from([&b"MEMORY"[..], b"USAGE", key]);
                if let Some(samples) = samples {
                    request.extend(["SAMPLES".to_owned(), samples.to_string()]);
                }
                Some(request)
            }
        }
    }

    fn unit(self, kind: &Kind) -> &'static str {
        match self {
            Self::Elements => kind.unit,
            Self::Memory { .. } => "bytes",
        }
    }
}

struct Survey {
    measure: Measure,
    kinds: Vec<Kind>,
    keys: u64,
    key_bytes: u64,
}

pub(super) async fn run(dial: &Dial, mut walk: Walk, measure: Measure, out: &mut Output) -> Run<Exit> {
    let mut link = dial.connect_or_give_up().await?;
    let total = total(&mut link).await?;
    say(out, &headline("biggest"))?;
    let interrupt = Interrupt::listen()?;
    let kinds = KINDS.map(|(name, command, unit)| Kind::new(name, Some(command), unit)).into();
    let mut survey = Survey { measure, kinds, keys: 0, key_bytes: 0 };
    let mut steps = 0;
    while !interrupt.was_pressed()
        && let Some(keys) = walk.step(&mut link).await?
    {
        let share = percent(survey.keys, total);
        let kinds = survey.kinds_of(&mut link, &keys).await?;
        let sizes = survey.sizes_of(&mut link, &keys, &kinds).await?;
        for ((key, kind), size) in keys.iter().zip(kinds).zip(sizes) {
            let Some(kind) = kind else { continue };
            survey.count(key, kind, size, share, out)?;
        }
        steps += 1;
        if steps % STEPS_A_PAUSE == 0 {
            pause(walk.interval).await;
        }
    }
    say(out, &survey.summary())?;
    Ok(Exit::Done)
}

impl Kind {
    fn new(name: &str, size_command: Option<&'static str>, unit: &'static str) -> Self {
        Self { name: name.to_owned(), size_command, unit, biggest: None, size_sum: 0, keys: 0 }
    }
}

impl Survey {
    /// Which of the kinds each key is; `None` for one that has gone meanwhile.
    async fn kinds_of(&mut self, link: &mut Link, keys: &[Vec<u8>]) -> Run<Vec<Option<usize>>> {
        let requests = keys.iter().map(|key| Request::new("TYPE").arg(key)).collect();
        let mut kinds = Vec::with_capacity(keys.len());
        for value in pipeline(link, requests).await? {
            let name = match value {
                Value::Status(name) => name,
                _ => "none".to_owned(),
            };
            kinds.push(match self.kinds.iter().position(|kind| kind.name == name) {
                None if name == "none" => None,
                None => {
                    self.kinds.push(Kind::new(&name, None, "?"));
                    Some(self.kinds.len() - 1)
                }
                known => known,
            });
        }
        Ok(kinds)
    }

    async fn sizes_of(&self, link: &mut Link, keys: &[Vec<u8>], kinds: &[Option<usize>]) -> Run<Vec<u64>> {
        let request = |(key, kind): (&Vec<u8>, &Option<usize>)| self.measure.request(&self.kinds[(*kind)?], key);
        let requests: Vec<Option<Request>> = keys.iter().zip(kinds).map(request).collect();
        let mut replies = pipeline(link, requests.iter().flatten().cloned().collect()).await?.into_iter();
        let size = |asked: Option<Request>| match asked.and_then(|_| replies.next()) {
            Some(Value::Integer(size)) => u64::try_from(size).unwrap_or(0),
            // A type without a size, or a key that has gone or become another meanwhile.
            _ => 0,
        };
        Ok(requests.into_iter().map(size).collect())
    }

    fn count(&mut self, key: &[u8], kind: usize, size: u64, share: f64, out: &mut Output) -> Run<()> {
        let unit = self.measure.unit(&self.kinds[kind]);
        let kind = &mut self.kinds[kind];
        kind.size_sum += size;
        kind.keys += 1;
        self.key_bytes += key.len() as u64;
        self.keys += 1;
        if kind.biggest.as_ref().map_or(0, |(biggest, _)| *biggest) < size {
            let shown = quote(key);
            let name = &kind.name;
            say(out, &format!("[{share:05.2}%] Biggest {name:<6} found so far '{shown}' with {size} {unit}\n"))?;
            kind.biggest = Some((size, shown.to_string()));
        }
        if self.keys.is_multiple_of(KEYS_A_LINE) {
            say(out, &format!("[{share:05.2}%] Sampled {} keys so far\n", self.keys))?;
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let average = if self.keys == 0 { 0.0 } else { self.key_bytes as f64 / self.keys as f64 };
        let mut text = format!(
            "\n-------- summary -------\n\nSampled {} keys in the keyspace!\n\
             Total key length in bytes is {} (avg len {average:.2})\n\n",
            self.keys, self.key_bytes
        );
        for kind in &self.kinds {
            if let Some((size, key)) = &kind.biggest {
                text.push_str(&format!(
                    "Biggest {:>6} found '{key}' has {size} {}\n",
                    kind.name,
                    self.measure.unit(kind)
                ));
            }
        }
        text.push('\n');
        for kind in &self.kinds {
            let average = if kind.keys == 0 { 0.0 } else { kind.size_sum as f64 / kind.keys as f64 };
            text.push_str(&format!(
                "{} {}s with {} {} ({:05.2}% of keys, avg size {average:.2})\n",
                kind.keys,
                kind.name,
                kind.size_sum,
                self.measure.unit(kind),
                percent(kind.keys, self.keys),
            ));
        }
        text
    }
}

/// Asks all at once; the replies in the same order. A step of SCAN is small enough for that.
pub(super) async fn pipeline(link: &mut Link, requests: Vec<Request>) -> Run<Vec<Value>> {
    for request in &requests {
        link.queue(request);
    }
    link.flush().await?;
    let mut values = Vec::with_capacity(requests.len());
    while values.len() < requests.len() {
        match link.receive().await? {
            Value::Push(_) => {}
            value => values.push(value),
        }
    }
    Ok(values)
}

pub(super) fn say(out: &mut Output, text: &str) -> Run<()> {
    out.buffer().extend_from_slice(text.as_bytes());
    Ok(out.flush()?)
}
