//! What is counted, always: relaxed atomics, and no more than one add a batch to each of them.
//!
//! A count is for people and alarms. It orders nothing, and two that are read one after the other need not belong to
//! one moment.

use std::sync::atomic::{AtomicU64, Ordering};

use tidings_wire::TopicKind;

/// Over which time a rate is averaged, in seconds: steady enough to be read, quick enough to show a burst.
const RATE_S: f64 = 10.0;

/// Kinds that are counted apart: a Local topic never reaches a node.
pub(crate) const KINDS: [TopicKind; 3] = [TopicKind::State, TopicKind::Events, TopicKind::Signal];

/// The place of a kind among [`KINDS`].
pub(crate) const fn kind_at(kind: TopicKind) -> usize {
    match kind {
        TopicKind::State => 0,
        TopicKind::Events => 1,
        TopicKind::Signal | TopicKind::Local => 2,
    }
}

/// What readers were told: of one topic, and of one shard's readers by kind, so that totals need no walk over topics.
#[derive(Debug, Default)]
pub(crate) struct Told {
    delivered: AtomicU64,
    skipped: AtomicU64,
    gaps: AtomicU64,
}

/// What one read came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Messages, and snapshots that hold a value.
    pub(crate) delivered: u64,
    /// State values that were replaced before the reader saw them.
    pub(crate) skipped: u64,
    /// Gaps.
    pub(crate) gaps: u64,
}

impl Tally {
    /// One gap.
    pub(crate) const GAP: Self = Self { delivered: 0, skipped: 0, gaps: 1 };
}

impl Told {
    /// Adds a tally; of what is zero nothing is touched.
    pub(crate) fn add(&self, tally: Tally) {
        for (count, more) in
            [(&self.delivered, tally.delivered), (&self.skipped, tally.skipped), (&self.gaps, tally.gaps)]
        {
            if more > 0 {
                count.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    /// All that was added.
    pub(crate) fn get(&self) -> Tally {
        let [delivered, skipped, gaps] =
            [&self.delivered, &self.skipped, &self.gaps].map(|count| count.load(Ordering::Relaxed));
        Tally { delivered, skipped, gaps }
    }
}

/// Messages a second, where the past counts less the longer ago it is. Needs no timer: it decays when it is looked at.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Rate {
    per_s: f64,
    at_ms: u64,
}

impl Rate {
    /// Counts a message.
    pub(crate) fn count(&mut self, now_ms: u64) {
        self.per_s = self.per_s(now_ms) + 1.0 / RATE_S;
        self.at_ms = now_ms;
    }

    /// Messages a second, as seen from now.
    pub(crate) fn per_s(&self, now_ms: u64) -> f64 {
        // Most messages of a burst share their millisecond with the one before.
        match now_ms.saturating_sub(self.at_ms) {
            0 => self.per_s,
            past_ms => self.per_s * (-(past_ms as f64) / (RATE_S * 1000.0)).exp(),
        }
    }
}

/// What a node applied of one kind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Applied {
    /// Topics that there are.
    pub(crate) topics: usize,
    /// Messages, since the node began.
    pub(crate) published: u64,
    /// Messages a second.
    pub(crate) rate: Rate,
}

impl Applied {
    /// Counts a message.
    pub(crate) fn count(&mut self, now_ms: u64) {
        self.published += 1;
        self.rate.count(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_comes_to_what_is_steady_and_decays() {
        let mut rate = Rate::default();
        // 200 messages a second, for a minute.
        for nth in 0..12_000_u64 {
            rate.count(nth * 5);
        }
        let steady = rate.per_s(60_000);
        assert!((199.0..201.0).contains(&steady), "{steady}");
        let after_10_s = rate.per_s(70_000) / steady;
        assert!((0.367..0.369).contains(&after_10_s), "one part in e is left: {after_10_s}");
        assert!(rate.per_s(3_600_000) < 1e-9, "nothing after an hour");
    }

    #[test]
    fn a_burst_within_a_millisecond_counts_whole() {
        let mut rate = Rate::default();
        (0..50).for_each(|_| rate.count(7));
        assert!((rate.per_s(7) - 5.0).abs() < 1e-9, "50 messages in 10 s are 5 a second");
    }

    #[test]
    fn tallies_add_up() {
        let told = Told::default();
        told.add(Tally { delivered: 3, ..Tally::default() });
        told.add(Tally { delivered: 1, skipped: 2, gaps: 0 });
        told.add(Tally::GAP);
        assert_eq!(told.get(), Tally { delivered: 4, skipped: 2, gaps: 1 });
    }
}
