//! What this page wrote, until nobody can have overwritten it unseen.
//!
//! Of two people who change one field at the same time the later one wins, on all pages. The other one has seen his own
//! value for a moment, or never, and has to be told. A State topic does not say what its writer had seen, so time
//! decides: what replaces a value soon after it was there is taken as written at the same time.

/// What replaces a value this soon is told to its writer: longer than anybody takes for a title, in milliseconds.
const TOGETHER_MS: u64 = 30_000;

/// A value that this page has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mine<T> {
    pub(crate) value: T,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not confirmed yet.
    Written,
    /// It was there, at this time.
    Stood { ms: u64 },
    /// Another one took its place at the same time.
    Replaced,
    /// Another one took its place later: by somebody who could see it.
    Past,
}

impl<T: PartialEq> Mine<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, stage: Stage::Written }
    }

    /// Looks at what the topic holds: `None` where somebody has deleted it. `ms` is when that was published, or now
    /// where nobody says. While the page's own writes are pending there is nothing to see.
    pub(crate) fn see(&mut self, value: Option<&T>, ms: u64) {
        let is_mine = value == Some(&self.value);
        self.stage = match self.stage {
            Stage::Stood { ms } if is_mine => Stage::Stood { ms },
            // It has come to be there, or somebody has restored it.
            _ if is_mine => Stage::Stood { ms },
            Stage::Written => Stage::Replaced,
            Stage::Stood { ms: stood } if ms.saturating_sub(stood) <= TOGETHER_MS => Stage::Replaced,
            Stage::Stood { .. } => Stage::Past,
            stage => stage,
        };
    }

    /// Its writer has to be told.
    pub(crate) fn is_replaced(&self) -> bool {
        self.stage == Stage::Replaced
    }

    /// Nothing more will be told of it.
    pub(crate) fn is_past(&self) -> bool {
        self.stage == Stage::Past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sights: &[(Option<&str>, u64)]) -> Mine<String> {
        let mut mine = Mine::new("mine".to_owned());
        sights.iter().for_each(|(value, ms)| mine.see(value.map(str::to_owned).as_ref(), *ms));
        mine
    }

    #[test]
    fn what_takes_its_place_soon_is_told() {
        assert!(!seen(&[(Some("mine"), 1_000)]).is_replaced());
        assert!(seen(&[(Some("mine"), 1_000), (Some("theirs"), 1_000 + TOGETHER_MS)]).is_replaced());
        assert!(seen(&[(Some("mine"), 1_000), (None, 2_000)]).is_replaced(), "deleted");
        let late = seen(&[(Some("mine"), 1_000), (Some("theirs"), 1_001 + TOGETHER_MS)]);
        assert!(!late.is_replaced() && late.is_past());
    }

    #[test]
    fn what_never_showed_is_told() {
        assert!(seen(&[(Some("theirs"), 1_000)]).is_replaced());
    }

    #[test]
    fn it_stays_told_until_it_is_there_again() {
        let theirs = [(Some("mine"), 1_000), (Some("theirs"), 2_000), (Some("theirs, later"), 900_000)];
        assert!(seen(&theirs).is_replaced());
        let back = [(Some("mine"), 1_000), (Some("theirs"), 2_000), (Some("mine"), 900_000)];
        assert!(!seen(&back).is_replaced());
        assert!(seen(&[back.as_slice(), &[(Some("again"), 900_001)]].concat()).is_replaced());
    }
}
