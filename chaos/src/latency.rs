//! How long messages take from their publisher to a reader on another node.

use std::fmt;

/// What so many messages took. Both ends read one clock, the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub messages: usize,
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
}

impl Latency {
    /// Of what each took, in microseconds.
    #[must_use]
    pub fn of(mut each_us: Vec<u64>) -> Self {
        each_us.sort_unstable();
        let at = |share: usize| each_us.get((each_us.len() * share / 100).min(each_us.len().saturating_sub(1)));
        let at = |share| at(share).copied().unwrap_or_default();
        Self { messages: each_us.len(), p50_us: at(50), p99_us: at(99), max_us: at(100) }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, p50_us, p99_us, max_us } = self;
        write!(f, "{messages} messages, p50 {p50_us} µs, p99 {p99_us} µs, at most {max_us} µs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_them_took_less_than_the_median() {
        let latency = Latency::of((1..=100).rev().collect());
        assert_eq!(latency, Latency { messages: 100, p50_us: 51, p99_us: 100, max_us: 100 });
        assert_eq!(Latency::of(vec![7]), Latency { messages: 1, p50_us: 7, p99_us: 7, max_us: 7 });
        assert_eq!(Latency::of(Vec::new()).messages, 0);
    }
}
