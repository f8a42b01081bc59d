//! When to try again.

/// The first delay is below this: one lost packet is not worth a second.
const BASE_MS: u32 = 500;

/// No delay is above this, however long the server is away: a page that nobody reloads must still come back.
const MAX_MS: u32 = 30_000;

/// Exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", AWS Architecture
/// Blog, 2015). It never gives up.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next delay in milliseconds, from a random number in `0..1`.
    pub(crate) fn next_ms(&mut self, random: f64) -> u32 {
        let ceiling = BASE_MS.saturating_mul(1 << self.failures.min(16)).min(MAX_MS);
        self.failures += 1;
        (f64::from(ceiling) * random.clamp(0.0, 1.0)) as u32
    }

    /// The stream is live again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_bound_and_starts_again() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<_> = (0..40).map(|_| backoff.next_ms(1.0)).collect();
        assert_eq!(ceilings[..4], [500, 1000, 2000, 4000]);
        assert!(ceilings.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(ceilings.last(), Some(&MAX_MS));
        backoff.reset();
        assert_eq!(backoff.next_ms(1.0), 500);
        assert_eq!(backoff.next_ms(0.0), 0, "full jitter reaches down to nothing");
    }
}
