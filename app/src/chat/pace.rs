//! How fast a guest may speak: ten lines at once, and one more each second.

use std::collections::HashMap;

/// Lines at once.
pub(super) const BURST: u32 = 10;
/// Milliseconds after which one more is allowed.
const EACH_MS: u64 = 1_000;
/// Guests that are remembered at once; who has been quiet for a while needs no memory.
const GUESTS_MAX: usize = 10_000;

/// Until when each guest has used up its lines, as if they had been said one each second.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<String, u64>);

impl Pace {
    /// A guest says something now; otherwise in how many milliseconds it may.
    pub(super) fn take(&mut self, guest: &str, now_ms: u64) -> Result<(), u64> {
        let used = self.0.get(guest).copied().unwrap_or(0).max(now_ms) + EACH_MS;
        let allowed = now_ms + u64::from(BURST) * EACH_MS;
        if used > allowed {
            return Err(used - allowed);
        }
        if self.0.len() >= GUESTS_MAX && !self.0.contains_key(guest) {
            self.0.retain(|_, used| *used > now_ms);
            if self.0.len() >= GUESTS_MAX {
                return Err(EACH_MS);
            }
        }
        self.0.insert(guest.to_owned(), used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_then_one_each_second() {
        let mut pace = Pace::default();
        for _ in 0..BURST {
            assert_eq!(pace.take("ann", 5_000), Ok(()));
        }
        assert_eq!(pace.take("ann", 5_000), Err(1_000));
        assert_eq!(pace.take("ann", 5_400), Err(600), "what was refused costs nothing");
        assert_eq!(pace.take("bob", 5_400), Ok(()), "others may");
        assert_eq!(pace.take("ann", 6_000), Ok(()));
        assert_eq!(pace.take("ann", 6_000), Err(1_000));
        assert_eq!((0..BURST).filter(|_| pace.take("ann", 60_000).is_ok()).count(), BURST as usize);
    }

    #[test]
    fn a_crowd_costs_no_more_memory_than_it_may() {
        let mut pace = Pace::default();
        for guest in 0..GUESTS_MAX {
            assert_eq!(pace.take(&guest.to_string(), 0), Ok(()));
        }
        assert_eq!(pace.take("one more", 500), Err(EACH_MS));
        assert_eq!(pace.take("one more", EACH_MS), Ok(()), "the others have been quiet");
        assert_eq!(pace.0.len(), 1);
    }
}
