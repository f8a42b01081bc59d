//! The hybrid logical clock: wall time that never goes back and never ties.

/// Milliseconds by which another node's clock may be ahead: a day. All nodes have to agree on it.
pub(crate) const AHEAD_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): 48 bits of
/// milliseconds and 16 of a counter in one number.
#[derive(Debug)]
pub(crate) struct Hlc {
    last: u64,
    /// Milliseconds by which what a client brings may be ahead.
    client_ahead_ms_max: u64,
}

impl Hlc {
    pub(crate) fn new(client_ahead_ms_max: u64) -> Self {
        Self { last: 0, client_ahead_ms_max }
    }

    /// A reading above all before it. A counter that runs over takes from the milliseconds: 65,536
    /// messages in one of them only make the clock run ahead.
    pub(crate) fn tick(&mut self, wall_ms: u64) -> u64 {
        self.last = self.last.saturating_add(1).max(wall_ms << 16);
        self.last
    }

    /// Goes on above a reading that was seen elsewhere, unless it is further ahead than clocks can be wrong: one
    /// such reading would set every clock that sees it for good.
    pub(crate) fn merge(&mut self, seen: u64, wall_ms: u64) {
        self.merge_within(seen, wall_ms + AHEAD_MS_MAX);
    }

    /// The same for a reading that a client brings back: it has seen it here or at a peer, so a little more than this
    /// clock shows is all that an honest one needs; a false one must not move the node's clock by a day.
    pub(crate) fn merge_of_client(&mut self, seen: u64, wall_ms: u64) {
        self.merge_within(seen, wall_ms.max(self.last >> 16).saturating_add(self.client_ahead_ms_max));
    }

    fn merge_within(&mut self, seen: u64, most_ms: u64) {
        if seen >> 16 <= most_ms {
            self.last = self.last.max(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_back_never_twice() {
        let mut clock = Hlc::new(0);
        let readings = [5, 5, 4, 9, 1].map(|wall_ms| clock.tick(wall_ms));
        assert!(readings.windows(2).all(|pair| pair[0] < pair[1]), "{readings:?}");
        clock.merge(100 << 16, 9);
        assert!(clock.tick(9) > 100 << 16);
        clock.merge(u64::MAX, 9);
        assert!(clock.tick(9) < 200 << 16, "a reading that nobody can have seen");
    }
}
