//! Looking for an element by value.

use crate::list::List;

impl List {
    /// Positions, counted from the head, of elements equal to `element`, as `LPOS` finds them.
    ///
    /// - `rank`: which match is the first to report, 1 being the first; negative searches from the tail. 0 is
    ///   taken as 1: the caller refuses it before.
    /// - `count_max`: how many to report at most; 0 for all.
    /// - `maxlen`: how many elements to compare at most; 0 for all.
    ///
    /// Matches are reported in the order found, so descending when `rank` is negative.
    pub fn positions(&self, element: &[u8], rank: i64, count_max: usize, maxlen: usize) -> Vec<u64> {
        let unless_zero = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let skip = usize::try_from(rank.unsigned_abs().saturating_sub(1)).unwrap_or(usize::MAX);
        let compared = unless_zero(maxlen).min(self.len);
        let wanted = unless_zero(count_max);
        let last = self.len.wrapping_sub(1);
        let matches = |(_, found): &(usize, crate::Element<'_>)| found.as_slice() == element;
        if rank < 0 {
            let found = self.iter().rev().enumerate().take(compared).filter(matches);
            found.skip(skip).take(wanted).map(|(i, _)| (last - i) as u64).collect()
        } else {
            let found = self.iter().enumerate().take(compared).filter(matches);
            found.skip(skip).take(wanted).map(|(i, _)| i as u64).collect()
        }
    }
}
