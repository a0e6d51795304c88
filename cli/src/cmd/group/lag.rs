//! `rbq group lag`: how far behind groups are, once or again and again.
//!
//! On a terminal `--watch` draws the table anew each time; elsewhere each look adds lines that begin with their time, so that they
//! can be kept and plotted.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use crate::cmd::keyspace::find::FindArgs;
use crate::cmd::keyspace::groups::{self, Group};
use crate::cmd::keyspace::kind::Kind;
use crate::duration;
use crate::entries::EntryId;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::open::ServerArgs;
use crate::output::Output;
use crate::records::{Cell, Column, Form, OutputArgs, Records, column, hidden};
use crate::servers::Servers;

/// To the upper left corner, and everything below it away: what is drawn next stands where the last table stood.
const REDRAW: &[u8] = b"\x1b[H\x1b[J";

/// Show how many entries groups have not been given yet
#[derive(Debug, Clone, Args)]
pub(super) struct LagArgs {
    /// Of this stream [default: every stream, found by SCAN]
    stream: Option<OsString>,
    /// Of this group [default: every group]
    group: Option<OsString>,
    #[command(flatten)]
    find: FindArgs,
    /// Look again and again, this far apart, until Ctrl-C: 2s
    #[arg(short, long, value_name = "DURATION", value_parser = duration::parse)]
    watch: Option<Duration>,
    /// Count no further than this where the server does not tell the lag
    #[arg(long, value_name = "ENTRIES", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    count_max: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    server: ServerArgs,
}

const COLUMNS: &[Column] = &[
    column("stream", "STREAM"),
    column("group", "GROUP"),
    column("lag", "LAG"),
    hidden("lag_is_exact"),
    column("pending", "PENDING"),
    column("age_ms", "AGE"),
];

const DRAWN: &[Column] = &[
    column("stream", "STREAM"),
    column("group", "GROUP"),
    column("lag", "LAG"),
    hidden("lag_is_exact"),
    column("pending", "PENDING"),
    column("age_ms", "AGE"),
    column("change_per_second", "CHANGE/S"),
];

const WATCHED: &[Column] = &[
    column("time_ms", "TIME"),
    column("stream", "STREAM"),
    column("group", "GROUP"),
    column("lag", "LAG"),
    hidden("lag_is_exact"),
    column("pending", "PENDING"),
    column("age_ms", "AGE"),
    column("change_per_second", "CHANGE/S"),
];

pub(super) async fn run(args: LagArgs) -> Result<Exit> {
    let mut servers = Servers::connect(&args.server).await?;
    let Some(every) = args.watch else {
        let mut records = args.output.records(COLUMNS);
        for found in look(&mut servers, &args).await? {
            records.add(found.cells(None))?;
        }
        records.finish_or_say(&args.find.nothing("groups"))?;
        return Ok(Exit::Done);
    };
    if every.is_zero() {
        return Err(Failure::usage("`--watch` needs a pause between two looks, such as `2s`"));
    }
    watch(&mut servers, &args, every).await
}

async fn watch(servers: &mut Servers, args: &LagArgs, every: Duration) -> Result<Exit> {
    let draws = args.output.output == Form::Text && Output::new().is_terminal();
    let mut interrupt = Interrupt::listen()?;
    let mut kept: Option<Records> = (!draws).then(|| args.output.records(WATCHED));
    let mut before: Option<(Instant, Vec<Found>)> = None;
    loop {
        let now = Instant::now();
        let found = look(servers, args).await?;
        let mut drawn = draws.then(|| args.output.records(DRAWN));
        if draws {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(REDRAW)?;
            stdout.flush()?;
        }
        for one in &found {
            let earlier = before.as_ref().and_then(|(at, found)| {
                let same = found.iter().find(|other| other.key == one.key && other.group.name == one.group.name)?;
                Some((same.lag.entries, now.duration_since(*at).as_secs_f64()))
            });
            let change = earlier.map(|(lag, seconds)| (one.lag.entries as f64 - lag as f64) / seconds);
            let mut cells = one.cells(Some(change));
            match (&mut drawn, &mut kept) {
                (Some(drawn), _) => drawn.add(cells)?,
                (None, Some(kept)) => {
                    cells.insert(0, Cell::time_ms(one.now_ms));
                    kept.add(cells)?;
                }
                (None, None) => {}
            }
        }
        match (drawn, &mut kept) {
            (Some(drawn), _) => drawn.finish()?,
            (None, Some(kept)) => kept.flush()?,
            (None, None) => {}
        }
        before = Some((now, found));
        tokio::select! {
            () = sleep(every) => {}
            () = interrupt.pressed() => break,
        }
    }
    if let Some(kept) = kept {
        kept.finish()?;
    }
    Ok(interrupt.exit())
}

/// One group at one time.
#[derive(Debug)]
struct Found {
    key: Vec<u8>,
    group: Group,
    lag: groups::Counted,
    oldest: Option<EntryId>,
    now_ms: u64,
}

impl Found {
    /// `change` is what stands in its column, if there is such a column.
    fn cells(&self, change: Option<Option<f64>>) -> Vec<Cell> {
        let mut cells = vec![
            Cell::bytes(&self.key),
            Cell::bytes(&self.group.name),
            self.lag.cell(),
            Cell::yes_no(self.lag.is_exact),
            Cell::number(self.group.pending),
            Cell::maybe(self.oldest.and_then(|id| id.age_ms(self.now_ms)), Cell::span_ms),
        ];
        cells.extend(change.map(|change| Cell::maybe(change, Cell::fraction)));
        cells
    }
}

async fn look(servers: &mut Servers, args: &LagArgs) -> Result<Vec<Found>> {
    let named = args.stream.clone().into_iter().collect();
    let keys = args.find.keys_or_all(servers, named, Kind::Stream, "info").await?;
    let only = args.group.clone().map(OsString::into_vec);
    let mut found = Vec::new();
    let now_ms = servers.time_ms().await?;
    for key in keys {
        let groups = match &only {
            Some(name) => vec![groups::find(servers, &key, name).await?],
            None => groups::of_stream(servers, &key).await?,
        };
        for group in groups {
            let lag = group.lag(servers, &key, args.count_max).await?;
            let oldest = group.oldest(servers, &key).await?;
            found.push(Found { key: key.clone(), group, lag, oldest, now_ms });
        }
    }
    Ok(found)
}
