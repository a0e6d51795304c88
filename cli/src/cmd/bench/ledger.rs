//! Which messages arrived: every one, once, in the order in which its producer sent it?
//!
//! A bit a message, so that a hundred million cost 12 MiB. Order is judged per receiver and producer: more cannot be seen from
//! outside, as two receivers have no common clock for what they were given.

use super::payload::{Form, Read};

/// What one receiver was given.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    producers: Vec<Arrivals>,
    pub(super) received: u64,
    pub(super) doubled: u64,
    pub(super) out_of_order: u64,
    pub(super) damaged: u64,
}

#[derive(Debug, Default, Clone)]
struct Arrivals {
    bits: Vec<u64>,
    newest: Option<u64>,
}

impl Ledger {
    /// Enters a message; gives when it was due, if it is one of ours.
    pub(super) fn enter(&mut self, form: &Form, payload: &[u8]) -> Option<u64> {
        let Read::Message { producer, number, due_ns } = form.read(payload) else {
            self.damaged += 1;
            return None;
        };
        self.received += 1;
        let arrivals = self.of(producer as usize);
        let (doubled, late) = (!arrivals.set(number), arrivals.newest.is_some_and(|newest| number <= newest));
        arrivals.newest = arrivals.newest.max(Some(number));
        self.doubled += u64::from(doubled);
        self.out_of_order += u64::from(late && !doubled);
        Some(due_ns)
    }

    /// Adds what another receiver of the same messages was given: each was to arrive at one of them.
    pub(super) fn share(&mut self, other: &Self) {
        self.add_counts(other);
        for (producer, theirs) in other.producers.iter().enumerate() {
            let mut twice = 0;
            let ours = self.of(producer);
            ours.bits.resize(ours.bits.len().max(theirs.bits.len()), 0);
            for (ours, theirs) in ours.bits.iter_mut().zip(&theirs.bits) {
                twice += u64::from((*ours & theirs).count_ones());
                *ours |= theirs;
            }
            self.doubled += twice;
        }
    }

    /// Adds the counts of a receiver who was to be given everything too.
    pub(super) fn add_counts(&mut self, other: &Self) {
        self.received += other.received;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.damaged += other.damaged;
    }

    /// How many of those that were acknowledged, `sent[producer]` each, did not arrive.
    pub(super) fn lost(&self, sent: &[u64]) -> u64 {
        let arrived =
            |producer: usize, sent: u64| self.producers.get(producer).map_or(0, |arrivals| arrivals.below(sent));
        sent.iter().enumerate().map(|(producer, sent)| sent - arrived(producer, *sent)).sum()
    }

    fn of(&mut self, producer: usize) -> &mut Arrivals {
        if self.producers.len() <= producer {
            self.producers.resize(producer + 1, Arrivals::default());
        }
        &mut self.producers[producer]
    }
}

impl Arrivals {
    /// False if it was set.
    fn set(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        let was = self.bits[word] & bit != 0;
        self.bits[word] |= bit;
        !was
    }

    fn below(&self, end: u64) -> u64 {
        let whole = (end / 64) as usize;
        let full: u64 = self.bits.iter().take(whole).map(|word| u64::from(word.count_ones())).sum();
        let rest = self.bits.get(whole).map_or(0, |word| (word & ((1 << (end % 64)) - 1)).count_ones());
        full + u64::from(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(messages: &[(u32, u64)]) -> Ledger {
        let form = Form::new(1, 28);
        let mut ledger = Ledger::default();
        for (producer, number) in messages {
            ledger.enter(&form, &form.message(*producer, *number, 0));
        }
        ledger
    }

    #[test]
    fn loss_doubling_and_order_are_seen() {
        let all = ledger(&[(0, 0), (1, 0), (0, 1), (0, 2)]);
        assert_eq!((all.lost(&[3, 1]), all.doubled, all.out_of_order, all.received), (0, 0, 0, 4));
        let some = ledger(&[(0, 0), (0, 2), (0, 1), (0, 2), (2, 200)]);
        assert_eq!((some.lost(&[4, 1, 201]), some.doubled, some.out_of_order), (1 + 1 + 200, 1, 1));
        let mut damaged = Ledger::default();
        assert_eq!(damaged.enter(&Form::new(1, 28), b"what"), None);
        assert_eq!((damaged.damaged, damaged.received), (1, 0));
    }

    #[test]
    fn what_two_receivers_got_is_doubled() {
        let mut ours = ledger(&[(0, 0), (0, 2), (0, 64)]);
        ours.share(&ledger(&[(0, 1), (0, 2), (1, 0)]));
        assert_eq!((ours.lost(&[3, 1]), ours.doubled, ours.received), (0, 1, 6));
    }
}
