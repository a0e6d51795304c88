//! Dead letters for tests, made from outside: the fields as `docs/dead-letters.md` describes them.
#![allow(dead_code, clippy::unwrap_used)]

use rbq_client::{Client, Request};
use rbq_resp::Value;
use xxhash_rust::xxh3::Xxh3;

/// A dead letter under construction.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) payload: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) source: String,
    pub(crate) kind: &'static str,
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) error: String,
    pub(crate) attempts: usize,
    pub(crate) died_ms: u64,
    pub(crate) redrives: u64,
}

impl Letter {
    /// Of a stream's entry.
    pub(crate) fn of_stream(source: &str, group: &str, id: &str, payload: &[(&str, &[u8])]) -> Self {
        let payload = payload.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
        Self {
            payload,
            source: source.to_owned(),
            kind: "stream",
            group: group.to_owned(),
            id: id.to_owned(),
            reason: "max-deliver".to_owned(),
            error: String::new(),
            attempts: 3,
            died_ms: 1_700_000_000_000,
            redrives: 0,
        }
    }

    /// Of a queue's message.
    pub(crate) fn of_queue(source: &str, data: &[u8]) -> Self {
        Self { kind: "queue", ..Self::of_stream(source, "", "", &[("data", data)]) }
    }

    pub(crate) fn fields(&self) -> Vec<Vec<u8>> {
        let mut fields: Vec<Vec<u8>> =
            self.payload.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect();
        let attempt = |at: usize| format!(r#"{{"at":{at},"consumer":"w1"}}"#);
        let attempts = format!("[{}]", (0..self.attempts).map(attempt).collect::<Vec<_>>().join(","));
        let (died, redrives, hash) = (self.died_ms.to_string(), self.redrives.to_string(), self.hash());
        for (name, value) in [
            ("source", self.source.as_str()),
            ("type", self.kind),
            ("group", &self.group),
            ("id", &self.id),
            ("reason", &self.reason),
            ("error", &self.error),
            ("attempts", &attempts),
            ("first_delivered", "1699999999000"),
            ("died", &died),
            ("redrives", &redrives),
            ("job", ""),
            ("hash", &hash),
            ("count", "13"),
        ] {
            fields.push(format!("_rbq.{name}").into_bytes());
            fields.push(value.as_bytes().to_vec());
        }
        fields
    }

    pub(crate) fn request(&self, key: &str, id: &str) -> Request {
        Request::from(["XADD", key, id]).args(self.fields())
    }

    fn hash(&self) -> String {
        let mut hasher = Xxh3::new();
        for part in self.payload.iter().flat_map(|(name, value)| [name, value]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        format!("{:032x}", hasher.digest128())
    }
}

/// Adds letters with the IDs 1-0, 2-0, ….
pub(crate) async fn add(client: &Client, key: &str, letters: &[Letter]) {
    for (index, letter) in letters.iter().enumerate() {
        let added = client.call(letter.request(key, &format!("{}-0", index + 1))).await.unwrap();
        assert!(!matches!(added, Value::Error(_)), "{added:?}");
    }
}
