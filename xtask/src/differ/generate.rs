//! Episodes from seeds.

use bytes::Bytes;
use fastrand::Rng;

use super::draw::{Draw, Mood};
use super::grammar::{CHAPTERS, Chapter, Syntax};
use super::spoil::spoil;
use super::turn::{Args, Episode, Phrase, SPEAKERS, Turn, WAKER, may_wait, name, second};

/// Commands in an episode: enough for structures to grow over a few blocks, few enough to shrink quickly.
const COMMANDS: usize = 600;

/// Phrases a client says at once, in an episode of no waits.
const PHRASES_MAX: usize = 24;

/// The same where the order between clients matters.
const PATIENT_PHRASES_MAX: usize = 3;

/// The grammar, without what one of the servers does not have.
pub(crate) struct Generator {
    chapters: Vec<(&'static Chapter, Vec<(u32, Syntax)>)>,
    left_out: Vec<&'static str>,
}

impl Generator {
    /// Speaks of what is known.
    #[must_use]
    pub(crate) fn new(knows: impl Fn(&str) -> bool) -> Self {
        let mut left_out = Vec::new();
        let mut chapters = Vec::new();
        for chapter in CHAPTERS {
            let mut lines: Vec<_> = chapter.syntaxes().collect();
            lines.retain(|(_, syntax)| {
                // Lower case is a blank: a command made of junk, which nobody knows and everybody answers.
                let unknown = syntax.names().into_iter().find(|name| !knows(name));
                left_out.extend(unknown);
                unknown.is_none()
            });
            chapters.push((chapter, lines));
        }
        left_out.sort_unstable();
        left_out.dedup();
        Self { chapters, left_out }
    }

    /// Commands of the grammar that are not spoken.
    #[must_use]
    pub(crate) fn left_out(&self) -> &[&'static str] {
        &self.left_out
    }

    /// The episode of a seed: the same seed, the same episode.
    #[must_use]
    pub(crate) fn episode(&self, seed: u64) -> Episode {
        let mut rng = Rng::with_seed(seed);
        let mood = match rng.u8(..4) {
            0..=1 => Mood::Busy,
            2 => Mood::Patient,
            _ => Mood::PatientOnce,
        };
        let mut draw = Draw::new(rng.u64(..), mood);
        let mut episode = Episode { turns: Vec::new() };
        let mut said = 0;
        while said < COMMANDS {
            let turn = self.turn(mood, &mut rng, &mut draw);
            said += turn.commands().count();
            episode.turns.push(turn);
        }
        episode
    }

    fn turn(&self, mood: Mood, rng: &mut Rng, draw: &mut Draw) -> Turn {
        let phrases_max = if mood == Mood::Busy { PHRASES_MAX } else { PATIENT_PHRASES_MAX };
        let client = rng.usize(..SPEAKERS);
        let mut phrases = Vec::new();
        for _ in 0..rng.usize(1..=phrases_max) {
            let phrase = self.phrase(mood, client, rng, draw);
            let waits = phrase.last().is_some_and(may_wait);
            phrases.push(phrase);
            if waits {
                break;
            }
        }
        Turn { client, phrases }
    }

    fn phrase(&self, mood: Mood, client: usize, rng: &mut Rng, draw: &mut Draw) -> Phrase {
        loop {
            let mut phrase = self.syntax(mood, rng).expand(draw);
            if let [command] = phrase.as_mut_slice() {
                // What there is to ask and to configure differs, and what is wrong with a command one asks about is
                // told otherwise since 7.2 (redis/docs content/commands/command-getkeys.md).
                if !matches!(name(command).as_slice(), b"COMMAND" | b"CONFIG") {
                    spoil(command, draw);
                }
                phrase.splice(0..0, consumer_first(&phrase[0]));
            }
            let is_unfair = |args: &Args| {
                has_no_order(args)
                    || ends_in_the_middle(args)
                    || reads_the_newest(args)
                    || (mood == Mood::Patient && (takes_away_its_own(args) || takes_its_consumer(args)))
                    || (mood != Mood::Busy && stores_what_is_sorted(args))
                    || (mood == Mood::PatientOnce && if draw.swaps() { waits_to_move(args) } else { swaps(args) })
            };
            if phrase.iter().any(is_unfair) {
                continue;
            }
            // Its transactions may hold commands that would wait outside; the last command decides.
            if client != WAKER || !phrase.last().is_some_and(may_wait) {
                return phrase;
            }
        }
    }

    fn syntax(&self, mood: Mood, rng: &mut Rng) -> &Syntax {
        let weight = |(chapter, lines): &(&Chapter, Vec<_>)| if lines.is_empty() { 0 } else { chapter.weight(mood) };
        let (_, lines) = weighted(&self.chapters, rng, weight);
        let (_, syntax) = weighted(lines, rng, |(weight, _)| *weight);
        syntax
    }
}

fn weighted<'t, T>(items: &'t [T], rng: &mut Rng, weight: impl Fn(&T) -> u32) -> &'t T {
    let total: u32 = items.iter().map(&weight).sum();
    let mut left = rng.u32(..total);
    items
        .iter()
        .find(|item| {
            let found = left < weight(item);
            left = left.saturating_sub(weight(item));
            found
        })
        .expect("the number was below the sum")
}

/// Whether SCAN ends in the middle: then its cursor stands for a place in one server's table, and how much it has found
/// is up to the server.
fn ends_in_the_middle(args: &Args) -> bool {
    let is_number = args.get(1).is_some_and(|cursor| cursor.iter().all(u8::is_ascii_digit));
    let is_place = args.get(1).is_some_and(|cursor| cursor.iter().any(|byte| (b'1'..=b'9').contains(byte)));
    let finds_all = args.windows(2).any(|pair| pair[0].eq_ignore_ascii_case(b"COUNT") && pair[1].as_ref() == b"1000");
    name(args) == b"SCAN" && (is_place || (is_number && !finds_all))
}

/// Whether a stream's last entry is asked for, which has an ID of its own since 7.4.
fn reads_the_newest(args: &Args) -> bool {
    matches!(name(args).as_slice(), b"XREAD" | b"XREADGROUP") && args.iter().any(|arg| arg.as_ref() == b"+")
}

/// Whether elements that are equal to SORT may come in any order: with BY and LIMIT, Redis sorts with a quicksort of
/// its own that is not stable (redis src/pqsort.c). Words have equal weights often, numbers are then sorted by name.
fn has_no_order(args: &Args) -> bool {
    let says = |word: &str| args.iter().any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    matches!(name(args).as_slice(), b"SORT" | b"SORT_RO") && says("BY") && says("LIMIT") && says("ALPHA")
}

/// Whether an entry may be trimmed in the moment it is added. Since 7.2 who waits for it finds nothing and waits on; 7.0
/// answers an empty list (redis PR #11012).
fn takes_away_its_own(args: &Args) -> bool {
    let bounds_by_id = args.iter().any(|arg| arg.eq_ignore_ascii_case(b"MINID"));
    let keeps_none = args
        .iter()
        .position(|arg| arg.eq_ignore_ascii_case(b"MAXLEN"))
        .is_some_and(|at| args[at + 1..].iter().take(2).any(|arg| arg.as_ref() == b"0"));
    name(args) == b"XADD" && (bounds_by_id || keeps_none)
}

/// Whether the consumer of a waiting client may go. It is made again when its command is run again, since 7.2 (redis
/// PR #11012 and #11099).
fn takes_its_consumer(args: &Args) -> bool {
    name(args) == b"XGROUP" && second(args) == b"DELCONSUMER"
}

/// Whether a list may be put in the place of something else by SORT: who waits for it is not served in Redis until the
/// next push (docs/differences.md).
fn stores_what_is_sorted(args: &Args) -> bool {
    name(args) == b"SORT" && args.iter().any(|arg| arg.eq_ignore_ascii_case(b"STORE"))
}

/// Whether it may wait for an element to put elsewhere.
fn waits_to_move(args: &Args) -> bool {
    matches!(name(args).as_slice(), b"BLMOVE" | b"BRPOPLPUSH")
}

fn swaps(args: &Args) -> bool {
    name(args) == b"SWAPDB"
}

/// The commands that make a consumer known before it asks.
///
/// 7.0 makes a consumer when it gets its first entry, later versions when it first asks (redis PR #11099). Whoever is
/// made beforehand is the same in both.
fn consumer_first(args: &Args) -> Vec<Args> {
    let is_word = |arg: &Bytes, word: &[u8]| arg.eq_ignore_ascii_case(word);
    let create = |key: &Bytes, group: &Bytes, consumer: &Bytes| -> Args {
        let words = ["XGROUP", "CREATECONSUMER"].map(|word| Bytes::from_static(word.as_bytes()));
        words.into_iter().chain([key.clone(), group.clone(), consumer.clone()]).collect()
    };
    match (name(args).as_slice(), args.as_slice()) {
        (b"XCLAIM" | b"XAUTOCLAIM", [_, key, group, consumer, ..]) => vec![create(key, group, consumer)],
        (b"XREADGROUP", [_, word, group, consumer, rest @ ..]) if is_word(word, b"GROUP") => {
            let streams = rest.iter().position(|arg| is_word(arg, b"STREAMS")).map_or(rest.len(), |at| at + 1);
            let names = &rest[streams..];
            names[..names.len() / 2].iter().map(|key| create(key, group, consumer)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_episode() {
        let generator = Generator::new(|_| true);
        for seed in 0..20 {
            assert_eq!(generator.episode(seed), generator.episode(seed));
            assert_ne!(generator.episode(seed), generator.episode(seed + 1));
        }
    }

    #[test]
    fn a_wait_ends_its_turn_and_the_waker_never_waits() {
        let generator = Generator::new(|_| true);
        for turn in (0..50).flat_map(|seed| generator.episode(seed).turns) {
            let last = turn.phrases.len() - 1;
            let early = turn.phrases[..last].iter().any(|phrase| phrase.last().is_some_and(may_wait));
            assert!(!early, "{turn:?}");
            assert!(turn.client != WAKER || !turn.phrases[last].last().is_some_and(may_wait), "{turn:?}");
        }
    }

    #[test]
    fn every_line_of_the_grammar_is_spoken() {
        let generator = Generator::new(|_| true);
        let said: std::collections::BTreeSet<Vec<u8>> = (0..200)
            .flat_map(|seed| generator.episode(seed).turns)
            .flat_map(|turn| turn.commands().map(name).collect::<Vec<_>>())
            .collect();
        for (_, lines) in &generator.chapters {
            for name in lines.iter().flat_map(|(_, syntax)| syntax.names()) {
                assert!(said.contains(name.as_bytes()), "nobody says {name}");
            }
        }
    }
}
