//! Both kinds of server, `rbq` on them, and the scene that tests of dead letters are played on.
#![allow(dead_code, clippy::unwrap_used)]

use std::process::{Child, Command};

use rbq_client::{Client, Options, Value};

use super::letters::Letter;
use super::own::Server;
use super::{Oracle, ask, oracle, rbq, run, start, text};

/// Both kinds of server.
pub(crate) enum Either {
    Redis(Oracle),
    Rbq(Server),
}

impl Either {
    /// Our own is left out where another server was named: nothing new would come of it.
    pub(crate) fn both() -> Vec<Self> {
        let own = (!oracle::is_named()).then(|| Self::Rbq(Server::start()));
        Oracle::start(&[]).map(Self::Redis).into_iter().chain(own).collect()
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Redis(oracle) => oracle.url(),
            Self::Rbq(server) => server.url(),
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.url().parse().unwrap(), &Options::default()).await.unwrap().0
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = rbq(args);
        command.env("RBQ_URL", self.url());
        command
    }

    /// Runs `rbq` and shows it.
    pub(crate) fn play(&self, args: &[&str]) -> String {
        text(&run(&mut self.command(args), b""))
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        start(&mut self.command(args))
    }

    /// Runs `rbq dlq …` and shows it, with words for what is different every time.
    pub(crate) fn dlq(&self, args: &[&str]) -> String {
        self.shown(&self.play(&[&["dlq"], args].concat()))
    }

    pub(crate) fn shown(&self, text: &str) -> String {
        let text = text.replace(&self.url(), "URL");
        let job = regex::Regex::new(r"\b[0-9a-f]{8}\b").unwrap();
        job.replace_all(&text, "JOB").into_owned()
    }

    /// The same for tables with ages, whose columns are as wide as the ages are.
    pub(crate) fn dlq_without_ages(&self, args: &[&str]) -> String {
        let age = regex::Regex::new(r"\b\d+d(\d+h)?").unwrap();
        let gaps = regex::Regex::new(r"  +").unwrap();
        gaps.replace_all(&age.replace_all(&self.dlq(args), "AGE"), "  ").into_owned()
    }

    pub(crate) fn begin(&self, args: &[&str]) -> Child {
        self.start(&[&["dlq"], args].concat())
    }
}

/// A stream `orders` of five entries that two groups, billing and mail, have read and acknowledged.
pub(crate) async fn orders(client: &Client) {
    for number in 1..=5 {
        ask(client, &format!("XADD orders {number}-0 item book{number}")).await;
    }
    for group in ["billing", "mail"] {
        ask(client, &format!("XGROUP CREATE orders {group} 0")).await;
        ask(client, &format!("XREADGROUP GROUP {group} w1 STREAMS orders >")).await;
        ask(client, &format!("XACK orders {group} 1-0 2-0 3-0 4-0 5-0")).await;
    }
}

pub(crate) fn order(number: u64) -> Letter {
    Letter::of_stream("orders", "billing", &format!("{number}-0"), &[("item", format!("book{number}").as_bytes())])
}

/// The IDs pending in a group, and how often each was delivered.
pub(crate) async fn pending(client: &Client, key: &str, group: &str) -> Vec<(String, i64)> {
    let Value::Array(rows) = ask(client, &format!("XPENDING {key} {group} - + 100")).await else { panic!() };
    let row = |row: &Value| match row {
        Value::Array(parts) => match (&parts[0], &parts[3]) {
            (Value::Bulk(id), Value::Integer(count)) => (String::from_utf8_lossy(id).into_owned(), *count),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    rows.iter().map(row).collect()
}

/// The elements of a list.
pub(crate) async fn list(client: &Client, key: &str) -> String {
    let Value::Array(items) = ask(client, &format!("LRANGE {key} 0 -1")).await else { panic!() };
    let texts = items.iter().map(|item| String::from_utf8_lossy(item.as_bytes().unwrap()).into_owned());
    texts.collect::<Vec<_>>().join(" ")
}

pub(crate) async fn length(client: &Client, key: &str) -> i64 {
    let Value::Integer(length) = ask(client, &format!("XLEN {key}")).await else { panic!() };
    length
}

pub(crate) async fn add_raw(client: &Client, key: &str, id: &str, fields: &[Vec<u8>]) {
    client.call(rbq_client::Request::from(["XADD", key, id]).args(fields)).await.unwrap();
}

pub(crate) async fn add_more(client: &Client, key: &str, id: &str, letter: &Letter) {
    add_raw(client, key, id, &letter.fields()).await;
}
