//! The plan: what a re-drive would do with every message it is asked about, before it does anything.
//!
//! It goes the way of the run, entry by entry, and counts. What changes between the plan and the run, the run sees again.

use std::collections::BTreeMap;

use super::super::absent::origin;
use super::super::entries::{self, Walk};
use super::super::keys::{Place, shown};
use super::super::select::Matcher;
use super::apart::{Reach, reach};
use super::job::{Keys, Spec};
use super::ledger::Ledger;
use super::route::{Case, Facts, Rules, Skip, Way, Wish};
use crate::consent::Plan;
use crate::deadletter::DeadLetter;
use crate::failure::Result;
use crate::servers::Servers;

/// Kinds of lines that are listed; more are summed up. A plan is to be read by a person.
const LINES_MAX: usize = 20;

/// What a re-drive would do.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// By source, group and reason.
    origins: BTreeMap<String, u64>,
    /// By what is done.
    ways: BTreeMap<String, u64>,
    skipped: BTreeMap<String, u64>,
    order_lost: u64,
    pub(super) moving: u64,
}

/// Goes through all entries that a job may touch.
///
/// # Errors
/// Of the server.
pub(super) async fn survey(
    servers: &mut Servers,
    keys: &Keys,
    spec: &Spec,
    (rules, matcher, ledger): (&Rules, &Matcher, &Ledger),
) -> Result<Survey> {
    let mut survey = Survey::default();
    let mut walk = Walk::new(spec.direction, spec.last, spec.batch);
    loop {
        let page = entries::read(servers.ask(&keys.letters, walk.request(&keys.letters, spec.batch)).await?)?;
        walk.saw(&page);
        let Some(end) = page.last() else { return Ok(survey) };
        walk.cursor = Some(end.id);
        let cases = cases(page, matcher, rules, ledger);
        let facts = Facts::gather(servers, &cases).await?;
        for case in &cases {
            if survey.moving == matcher.limit() {
                return Ok(survey);
            }
            let reach = |way: Way| match reach(servers, keys, &way, case.entry.id, spec.at_least_once) {
                Reach::Together | Reach::Apart => Ok(way),
                Reach::Nowhere => Err(Skip::NoToken),
            };
            survey.count(keys, case, rules.way(case, &facts).and_then(reach), &facts);
        }
    }
}

/// The cases of a page: the entries that are meant, and what is meant for them.
pub(super) fn cases(page: Vec<entries::Entry>, matcher: &Matcher, rules: &Rules, ledger: &Ledger) -> Vec<Case> {
    let case = |entry: entries::Entry| match DeadLetter::decode(&entry.fields) {
        Ok(letter) => match matcher.judge(entry.id, &letter) {
            Ok(false) => None,
            Ok(true) => {
                let redrives = ledger.redrives(&letter);
                Some(rules.case(entry, Some(letter), redrives))
            }
            // Whether it is meant cannot be told: it stays, and is counted among what stays.
            Err(why) => {
                Some(Case { entry, letter: Some(letter), wish: Wish::Stay(Skip::Change(why)), payload: Vec::new() })
            }
        },
        Err(_) => matcher.takes_entry(&entry).then(|| rules.case(entry, None, 0)),
    };
    page.into_iter().filter_map(case).collect()
}

impl Survey {
    fn count(&mut self, keys: &Keys, case: &Case, way: std::result::Result<Way, Skip>, facts: &Facts) {
        if let Some(letter) = &case.letter {
            let origin = format!("{}, {}", origin(letter), letter.provenance.reason);
            *self.origins.entry(origin).or_default() += 1;
        }
        let way = match way {
            Ok(way) => way,
            Err(skip) => {
                *self.skipped.entry(skip.to_string()).or_default() += 1;
                return;
            }
        };
        self.moving += 1;
        let (target, group) = way.target(keys);
        let key = shown(&target);
        let is_own = case.letter.as_ref().is_some_and(|letter| letter.provenance.source == target);
        let is_new = !is_own && facts.is_new(&target);
        let line = match &way {
            Way::Hand { .. } => {
                format!("back to group `{}` of `{key}`, attempts 0", shown(&group.expect("it is a group's")))
            }
            Way::Append { .. } if is_new => format!("a new entry of `{key}`, which is made for it and has no groups"),
            Way::Append { .. } => format!("a new entry of `{key}`, which every group of it sees"),
            Way::Push { .. } if is_new => format!("to queue `{key}`, which is not there yet"),
            Way::Push { front: true, .. } => format!("to the front of queue `{key}`"),
            Way::Push { .. } => format!("to the tail of queue `{key}`"),
            Way::Quarantine => format!("into quarantine, `{key}`: sent back too often"),
        };
        if matches!(way, Way::Append { .. } | Way::Push { front: false, .. }) {
            self.order_lost += 1;
        }
        *self.ways.entry(line).or_default() += 1;
    }

    /// The plan for people.
    pub(super) fn plan(&self, place: &Place, spec: &Spec) -> Plan {
        let title = format!("re-drive {} of `{}`", messages(self.moving), place.name());
        let mut plan = if self.moving == 0 { Plan::nothing(title) } else { Plan::new(title) };
        list(&mut plan, "from", &self.origins);
        list(&mut plan, "send", &self.ways);
        list(&mut plan, "skip", &self.skipped);
        if self.order_lost > 0 {
            plan.line(format!("order lost: {} behind newer ones", messages(self.order_lost)));
        }
        if !spec.changes.is_none() {
            plan.line(format!("changed on the way: {}", spec.changes.shown()));
        }
        plan
    }

    /// What cannot be sent, for the counts of a job that does not even begin.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.values().sum()
    }
}

fn list(plan: &mut Plan, verb: &str, counts: &BTreeMap<String, u64>) {
    for (what, count) in counts.iter().take(LINES_MAX) {
        plan.line(format!("{verb} {count}: {what}"));
    }
    if counts.len() > LINES_MAX {
        let rest: u64 = counts.values().skip(LINES_MAX).sum();
        plan.line(format!("{verb} {rest}: others"));
    }
}

/// `1 message`, `2 messages`.
pub(super) fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}
