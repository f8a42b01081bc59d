//! The hybrid logical clock: wall time that never goes back and never ties.

/// Milliseconds by which another clock may be ahead: a day.
pub(crate) const AHEAD_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): 48 bits of
/// milliseconds and 16 of a counter in one number.
#[derive(Debug, Default)]
pub(crate) struct Hlc {
    last: u64,
}

impl Hlc {
    /// A reading above all before it. A counter that runs over takes from the milliseconds: 65,536
    /// messages in one of them only make the clock run ahead.
    pub(crate) fn tick(&mut self, wall_ms: u64) -> u64 {
        self.last = self.last.saturating_add(1).max(wall_ms << 16);
        self.last
    }

    /// Goes on above a reading that was seen elsewhere, unless it is further ahead than clocks can be wrong: one
    /// such reading would set every clock that sees it for good.
    pub(crate) fn merge(&mut self, seen: u64, wall_ms: u64) {
        if seen >> 16 <= wall_ms + AHEAD_MS_MAX {
            self.last = self.last.max(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_back_never_twice() {
        let mut clock = Hlc::default();
        let readings = [5, 5, 4, 9, 1].map(|wall_ms| clock.tick(wall_ms));
        assert!(readings.windows(2).all(|pair| pair[0] < pair[1]), "{readings:?}");
        clock.merge(100 << 16, 9);
        assert!(clock.tick(9) > 100 << 16);
        clock.merge(u64::MAX, 9);
        assert!(clock.tick(9) < 200 << 16, "a reading that nobody can have seen");
    }
}
