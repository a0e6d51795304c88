//! `rbq check compat`: what a Redis server is used for that rbq has not.
//!
//! Three places are looked at: the commands that were called (INFO commandstats), the types of the keys, and what is set or
//! loaded: eviction, modules, functions, scripts, users, replicas, cluster. Nothing is changed, and a value is never read.
//! Of a cluster every master is asked, and what several of them say is one finding.
//!
//! Commands count from the server's start or from its last CONFIG RESETSTAT; a job that runs once a month may not be in
//! them.

use std::collections::BTreeMap;

use clap::Args;
use rbq_client::{Client, Error, Request, Target, Value};
use rbq_rdb::Event;

use crate::exit::{Exit, Health};
use crate::failure::{Failure, Result, say};
use crate::open::{complete, of_context, unless_silent};
use crate::progress::Progress;
use crate::records::{Cell, Column, OutputArgs, column};
use crate::tls::TlsArgs;
use crate::transfer::Found;
use crate::transfer::known::Known;
use crate::transfer::live::{Depth, Live, Selection};
use crate::transfer::nodes::Nodes;
use crate::transfer::reply::{bytes, elements, member};
use crate::transfer::rights::demand;
use crate::transfer::tally::shown;

/// Keys looked at unless all are to be: some seconds of a busy server's spare time.
const SAMPLE_KEYS: u64 = 100_000;

/// Names told of each type.
const EXAMPLES_MAX: usize = 3;

/// As many databases as rbq has unless told otherwise.
const DATABASES: u32 = 16;

/// A finding as a record.
const COLUMNS: &[Column] = &[
    column("level", "LEVEL"),
    column("area", "AREA"),
    column("what", "WHAT"),
    column("used", "USED"),
    column("advice", "ADVICE"),
];

/// Tell what a Redis server is used for that rbq lacks
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit codes: 0 nothing is lacking, 1 warnings, 2 something in use is lacking, 3 it could not be found out."
)]
pub(crate) struct CompatArgs {
    /// The server to look at: redis[s]://[user:password@]host[:port][/db]
    #[arg(value_name = "SERVER", required_unless_present = "context")]
    url: Option<Target>,
    /// The server that `rbq context add` gave this name
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    context: Option<String>,
    /// Look at the type of every key, not only of the first hundred thousand
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// No progress and no summary on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    tls: TlsArgs,
}

impl CompatArgs {
    fn server(&self) -> Result<Target> {
        let mut server = match (&self.url, &self.context) {
            (_, Some(name)) => of_context(name)?.target,
            (url, None) => url.clone().unwrap_or_default(),
        };
        self.tls.apply(&mut server);
        complete(&mut server);
        Ok(server)
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// It will not work.
    Lacking,
    /// It will work otherwise, or it is not clear whether anybody needs it.
    Warning,
}

#[derive(Debug)]
struct Finding {
    level: Level,
    area: &'static str,
    what: String,
    used: String,
    advice: String,
}

/// What usually helps is about a server of one's own, and about options that are not here.
fn unreached(failure: Failure) -> Failure {
    match failure {
        Failure::Server(Error::Connect { .. }) => failure
            .hint("this is the server that is to be looked at: check its URL, or the context that --context names"),
        failure => failure,
    }
}

pub(crate) async fn run(args: CompatArgs) -> Result<Exit> {
    let server = args.server()?;
    demand(&server, Depth::Names).await.map_err(unreached)?;
    let mut nodes = Nodes::connect(&server, unless_silent()?).await?;
    let mut clients = Vec::new();
    for endpoint in nodes.endpoints() {
        clients.push(nodes.at(&endpoint).await?);
    }
    let mut findings = Vec::new();
    commands(&clients, &mut findings).await?;
    for client in &clients {
        let mut of_node = Vec::new();
        settings(client, &mut of_node).await?;
        of_node.into_iter().for_each(|finding| join(finding, &mut findings));
    }
    let looked = keys(&args, &server, &mut findings).await?;
    findings.sort_by_key(|finding| finding.level);
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (lacking, warnings) = (count(Level::Lacking), count(Level::Warning));
    let mut records = args.output.records(COLUMNS);
    for finding in findings {
        records.add(finding.cells())?;
    }
    records.finish()?;
    if !args.quiet {
        say(&format!("{}: {lacking} lacking, {warnings} warnings; {looked}", server));
    }
    Ok(Exit::Health(match (lacking, warnings) {
        (0, 0) => Health::Ok,
        (0, _) => Health::Warning,
        _ => Health::Critical,
    }))
}

impl Finding {
    fn cells(self) -> Vec<Cell> {
        let level = match self.level {
            Level::Lacking => "lacking",
            Level::Warning => "warning",
        };
        vec![
            Cell::word(level),
            Cell::word(self.area),
            Cell::word(self.what),
            Cell::word(self.used),
            Cell::word(self.advice),
        ]
    }
}

/// Adds what a node says to what the nodes before it said.
fn join(finding: Finding, findings: &mut Vec<Finding>) {
    let known = findings.iter_mut().find(|known| (known.area, &known.what) == (finding.area, &finding.what));
    match known {
        Some(known) if known.used.split(", ").any(|used| used == finding.used) => {}
        Some(known) => known.used = format!("{}, {}", known.used, finding.used),
        None => findings.push(finding),
    }
}

/// Commands that were called and that rbq has not.
async fn commands(clients: &[Client], findings: &mut Vec<Finding>) -> Result<()> {
    let known = Known::new();
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for client in clients {
        for (name, facts) in &info(client, "commandstats").await? {
            let Some(name) = name.strip_prefix("cmdstat_") else { continue };
            let count = facts.split(',').find_map(|fact| fact.strip_prefix("calls=")?.parse().ok()).unwrap_or(0);
            if count > 0 && !known.has_name(name) {
                *calls.entry(name.to_uppercase()).or_default() += count;
            }
        }
    }
    let names: Vec<&str> = calls.keys().map(|name| name.split('|').next().unwrap_or(name)).collect();
    let (false, Some(client)) = (names.is_empty(), clients.first()) else { return Ok(()) };
    // Since 7.0 the server itself says what each is for; before, the categories of its users say it.
    let docs = client.call(Request::from(["COMMAND", "DOCS"]).args(&names)).await.unwrap_or(Value::Null);
    let infos = client.call(Request::from(["COMMAND", "INFO"]).args(&names)).await.unwrap_or(Value::Null);
    let infos = elements(&infos).unwrap_or_default();
    for (index, (name, count)) in calls.iter().enumerate() {
        let base = name.split('|').next().unwrap_or(name).to_lowercase();
        let told = member(&docs, &base).and_then(|doc| bytes(doc, "group"));
        let group = told.or_else(|| category(infos.get(index)?)).unwrap_or_default();
        let (level, advice) = advice_for(&base, group);
        findings.push(Finding {
            level,
            area: "command",
            what: name.replace('|', " "),
            used: if *count == 1 { "1 call".into() } else { format!("{count} calls") },
            advice: advice.into(),
        });
    }
    Ok(())
}

/// What a command is for, by the categories in the reply of COMMAND INFO: the one that is a group's name.
fn category(info: &Value) -> Option<&[u8]> {
    let categories = elements(elements(info)?.get(CATEGORIES)?)?;
    let names = categories.iter().filter_map(|category| category.as_bytes()?.strip_prefix(b"@"));
    names.filter(|name| advice_for("", name).1 != advice_for("", b"").1).last()
}

/// Where the categories are in what COMMAND INFO says of a command.
const CATEGORIES: usize = 6;

/// How much a command matters, and what to do without it.
fn advice_for(name: &str, group: &[u8]) -> (Level, &'static str) {
    match (name, group) {
        ("dump" | "restore" | "migrate", _) => (Level::Warning, "`rbq import` and `rbq export` carry keys"),
        (_, b"hash") => {
            (Level::Lacking, "a string per field, or one string of JSON; or leave hashes in a Redis beside")
        }
        (_, b"set") => {
            (Level::Lacking, "leave sets in a Redis beside; to drop duplicates, SET key value NX EX seconds")
        }
        (_, b"sorted-set" | b"sorted_set" | b"sortedset") => {
            (Level::Lacking, "leave sorted sets in a Redis beside; a schedule can be kept by its application")
        }
        (_, b"scripting") => (Level::Lacking, "atomic steps are MULTI and EXEC with WATCH"),
        (_, b"cluster") => (Level::Warning, "rbq is one process: no slots to ask about"),
        (_, b"server" | b"connection" | b"admin") => (Level::Warning, "an operator's command: see docs/differences.md"),
        (_, b"bitmap" | b"geo" | b"hyperloglog" | b"module" | b"vector_set" | b"array" | b"json") => {
            (Level::Lacking, "leave keys of this kind in a Redis beside")
        }
        _ => (Level::Lacking, "see docs/differences.md"),
    }
}

/// What is set or loaded and means something else here, or nothing.
async fn settings(client: &Client, findings: &mut Vec<Finding>) -> Result<()> {
    let mut find = |level, what: &str, used: String, advice: &str| {
        findings.push(Finding { level, area: "setting", what: what.into(), used, advice: advice.into() });
    };
    let server = info(client, "everything").await?;
    let number = |name: &str| server.get(name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let word = |name: &str| server.get(name).map_or("", String::as_str);
    let policy = word("maxmemory_policy");
    if number("maxmemory") > 0 && policy != "noeviction" {
        let advice = "rbq never evicts: at maxmemory it refuses what adds; trim streams, or set expiries";
        find(Level::Warning, "eviction", policy.into(), advice);
    }
    if number("connected_slaves") > 0 || word("role") == "slave" {
        let used = format!("{} replicas, role {}", number("connected_slaves"), word("role"));
        find(Level::Warning, "replication", used, "rbq is one process; `rbq backup` copies it while it serves");
    }
    if number("cluster_enabled") == 1 {
        find(
            Level::Warning,
            "cluster",
            "on".into(),
            "rbq is one process with 16 databases; an import reads every node",
        );
    }
    if number("number_of_cached_scripts") > 0 {
        let used = format!("{} cached", number("number_of_cached_scripts"));
        find(Level::Lacking, "scripts", used, "atomic steps are MULTI and EXEC with WATCH");
    }
    let functions = listed(client, &["FUNCTION", "LIST"]).await;
    if functions > 0 {
        let advice = "rbq has no functions: do their work in the client";
        find(Level::Lacking, "functions", format!("{functions} libraries"), advice);
    }
    let modules = modules(client).await;
    if modules > 0 {
        let advice = "rbq loads no modules: leave what needs them in a Redis beside";
        find(Level::Lacking, "modules", format!("{modules} loaded"), advice);
    }
    let users = listed(client, &["ACL", "LIST"]).await;
    if users > 1 {
        let advice = "rbq has one user, `default`, with the password `requirepass`";
        find(Level::Warning, "users", format!("{users} users"), advice);
    }
    for (name, _) in server.iter().filter(|(name, facts)| name.starts_with("db") && facts.starts_with("keys=")) {
        if name[2..].parse::<u32>().is_ok_and(|db| db >= DATABASES) {
            let advice = "rbq has databases 0 to 15 unless `databases` says otherwise";
            find(Level::Warning, "databases", format!("number {}", &name[2..]), advice);
        }
    }
    Ok(())
}

/// Keys of a type that rbq has not, in one database.
#[derive(Debug, Default)]
struct Others {
    count: u64,
    examples: Vec<Vec<u8>>,
}

/// Types of keys that rbq has not; tells how many keys were looked at.
async fn keys(args: &CompatArgs, server: &Target, findings: &mut Vec<Finding>) -> Result<String> {
    let mut source = Live::open(server, Selection::default(), Depth::Names).await?;
    let total = source.total_keys();
    let mut progress = match args.quiet {
        true => Progress::silent(),
        false => Progress::start("keys looked at", Some(if args.all { total } else { total.min(SAMPLE_KEYS) })),
    };
    let mut others: BTreeMap<(&'static str, u32), Others> = BTreeMap::new();
    let mut looked = 0;
    while let Some(found) = source.next().await? {
        match found {
            Found::Event(Event::Other { key, kind }) => {
                let others = others.entry((kind, key.db)).or_default();
                others.count += 1;
                if others.examples.len() < EXAMPLES_MAX {
                    others.examples.push(key.name);
                }
            }
            Found::Event(Event::Key(_)) => {}
            _ => continue,
        }
        looked += 1;
        progress.add(1);
        if !args.all && looked >= SAMPLE_KEYS {
            break;
        }
    }
    progress.finish();
    for ((kind, db), Others { count, mut examples }) in others {
        // SCAN has no order that means anything.
        examples.sort();
        let names: Vec<String> = examples.iter().map(|name| shown(name)).collect();
        let more = if count > names.len() as u64 { ", …" } else { "" };
        let group = if kind == "zset" { "sorted-set" } else { kind };
        findings.push(Finding {
            level: Level::Lacking,
            area: "type",
            what: kind.into(),
            used: format!("{count} in database {db}: {}{more}", names.join(", ")),
            advice: advice_for("", group.as_bytes()).1.into(),
        });
    }
    Ok(format!("{looked} of {total} keys looked at"))
}

/// A section of INFO as names and values.
async fn info(client: &Client, section: &str) -> Result<BTreeMap<String, String>> {
    let reply = client.call(["INFO", section]).await?;
    let text = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    Ok(lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// How many modules are loaded, except for the one that is Valkey's Lua: that is always there, and its scripts are counted.
async fn modules(client: &Client) -> usize {
    let Ok(reply) = client.call(["MODULE", "LIST"]).await else { return 0 };
    let loaded = elements(&reply).unwrap_or_default();
    loaded.iter().filter(|module| bytes(module, "name") != Some(b"lua")).count()
}

/// How many things a command lists; none where the server does not know it or does not let us.
async fn listed(client: &Client, words: &[&str]) -> usize {
    match client.call(Request::from(words)).await {
        Ok(reply) => elements(&reply).map_or(0, <[Value]>::len),
        Err(_) => 0,
    }
}
