//! Interest: which Signal topics a node needs, and from which stamp on it gets them.
//!
//! Signal topics are many and short-lived, so they go only to nodes with a reader. Topics are told
//! apart by bucket, a hash of their first two segments, so that what nodes tell each other has a
//! bound. A node says in its beats which buckets it needs; each peer filters by that from some stamp
//! on and says which. Up to that stamp a cursor may lack messages that were never sent: a resume from
//! below it is a gap. From there on, nothing of the bucket is left out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use serde::{Deserialize, Serialize};
use tidings_wire::{OriginTag, Pattern, TopicName};

use crate::topic::Topic;

/// Buckets of Signal topics, fixed by the frames' version: a node's whole interest is at most 2 kB.
pub(crate) const BUCKETS: u16 = 1024;

/// For how long a node stays interested after its last reader: a reload or a short break changes nothing.
const LINGER_MS: u64 = 10_000;

/// How often it is looked for buckets that nobody reads any more.
const SWEEP_MS: u64 = 1_000;

/// Signal topics that are wanted or left out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bucket {
    /// Every one: a pattern leaves the first two segments open.
    All,
    One(u16),
}

impl Bucket {
    /// The bucket of a topic: FNV-1a over its first two segments.
    pub(crate) fn of(topic: &TopicName) -> Self {
        Self::of_segments(topic.segments())
    }

    /// The bucket of all topics that a pattern can match.
    pub(crate) fn of_pattern(pattern: &Pattern) -> Self {
        // `a/**` and `a/*` leave the second segment open; a lone `a` is a topic of one segment.
        if pattern.segments().take(2).any(|segment| segment.contains('*')) {
            return Self::All;
        }
        Self::of_segments(pattern.segments())
    }

    fn of_segments<'a>(segments: impl Iterator<Item = &'a str>) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in segments.take(2).flat_map(|segment| segment.bytes().chain(*b"/")) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // The high bits: FNV-1a's low ones hang on the last byte alone.
        Self::One((hash >> 32) as u16 % BUCKETS)
    }
}

/// A node's interest, as it tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interest {
    /// Counts up with each change, within an epoch.
    pub(crate) version: u64,
    pub(crate) all: bool,
    /// Sorted.
    pub(crate) buckets: Vec<u16>,
}

impl Interest {
    pub(crate) fn wants(&self, bucket: Bucket) -> bool {
        match bucket {
            Bucket::All => self.all,
            Bucket::One(bucket) => self.all || self.buckets.binary_search(&bucket).is_ok(),
        }
    }
}

/// Who keeps a bucket wanted.
#[derive(Debug)]
enum Holder {
    Topic(Weak<Topic>),
    Pattern(Pattern),
}

impl Holder {
    fn is_read(&self, is_held: impl Fn(&Pattern) -> bool) -> bool {
        match self {
            Self::Topic(topic) => topic.upgrade().is_some_and(|topic| topic.readers() > 0),
            Self::Pattern(pattern) => is_held(pattern),
        }
    }
}

/// A bucket that this node needs.
#[derive(Debug, Default)]
struct Need {
    /// Looked through now and then: to let a topic go costs a reader nothing here.
    holders: BTreeMap<Box<str>, Holder>,
    /// The version of the interest that it came with.
    since: u64,
    /// When it was first seen without a reader.
    idle_since_ms: Option<u64>,
    /// Origin → the stamp above which it sends everything of this bucket.
    answered: BTreeMap<OriginTag, u64>,
}

/// All that this node needs.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    version: u64,
    swept_ms: u64,
    buckets: BTreeMap<Bucket, Need>,
}

impl Needs {
    /// A reader listens to a Signal topic; says whether peers have to be told.
    pub(crate) fn topic(&mut self, topic: &Arc<Topic>) -> bool {
        self.hold(Bucket::of(&topic.name), topic.name.as_str(), || Holder::Topic(Arc::downgrade(topic)))
    }

    /// A reader listens to a pattern; says whether peers have to be told.
    pub(crate) fn pattern(&mut self, pattern: &Pattern) -> bool {
        self.hold(Bucket::of_pattern(pattern), pattern.as_str(), || Holder::Pattern(pattern.clone()))
    }

    fn hold(&mut self, bucket: Bucket, name: &str, holder: impl FnOnce() -> Holder) -> bool {
        let is_new = !self.buckets.contains_key(&bucket);
        if is_new {
            self.version += 1;
        }
        let since = self.version;
        let need = self.buckets.entry(bucket).or_insert_with(|| Need { since, ..Need::default() });
        need.idle_since_ms = None;
        // A topic of this name may have been forgotten, and have begun again.
        need.holders.insert(name.into(), holder());
        is_new
    }

    /// Gives up buckets that nobody has read for a while; says whether peers have to be told.
    pub(crate) fn sweep(&mut self, now_ms: u64, is_held: impl Fn(&Pattern) -> bool) -> bool {
        if now_ms < self.swept_ms + SWEEP_MS {
            return false;
        }
        self.swept_ms = now_ms;
        let before = self.buckets.len();
        self.buckets.retain(|_, need| {
            need.holders.retain(|_, holder| holder.is_read(&is_held));
            if !need.holders.is_empty() {
                need.idle_since_ms = None;
                return true;
            }
            now_ms < *need.idle_since_ms.get_or_insert(now_ms) + LINGER_MS
        });
        let changed = self.buckets.len() != before;
        self.version += u64::from(changed);
        changed
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What peers are told.
    pub(crate) fn interest(&self) -> Interest {
        let one = |bucket: &Bucket| match bucket {
            Bucket::One(bucket) => Some(*bucket),
            Bucket::All => None,
        };
        let buckets = self.buckets.keys().filter_map(one).collect();
        Interest { version: self.version, all: self.buckets.contains_key(&Bucket::All), buckets }
    }

    /// An origin filters by this version of the interest, above this stamp of its own.
    pub(crate) fn answered(&mut self, origin: OriginTag, version: u64, stamp: u64) {
        for need in self.buckets.values_mut().filter(|need| need.since <= version) {
            need.answered.entry(origin).or_insert(stamp);
        }
    }

    /// An origin is gone for good.
    pub(crate) fn forget(&mut self, origin: OriginTag) {
        for need in self.buckets.values_mut() {
            need.answered.remove(&origin);
        }
    }

    /// The stamp above which an origin sends everything of a bucket, if it has said so.
    pub(crate) fn floor(&self, bucket: Bucket, origin: OriginTag) -> Option<u64> {
        let answered = |bucket: Bucket| self.buckets.get(&bucket)?.answered.get(&origin).copied();
        match (answered(bucket), answered(Bucket::All)) {
            (Some(one), Some(all)) => Some(one.min(all)),
            (one, all) => one.or(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Bucket {
        Bucket::of(&TopicName::new(name).unwrap())
    }

    fn pattern(text: &str) -> Bucket {
        Bucket::of_pattern(&Pattern::new(text).unwrap())
    }

    #[test]
    fn a_pattern_has_the_bucket_of_all_that_it_matches() {
        assert_eq!(topic("chat/lobby/typing"), topic("chat/lobby"));
        assert_eq!(pattern("chat/lobby/**"), topic("chat/lobby/typing"));
        assert_eq!(pattern("chat/lobby/*/x"), topic("chat/lobby/a/x"));
        assert_eq!(pattern("chat/*"), Bucket::All);
        assert_eq!(pattern("*/lobby"), Bucket::All);
        assert_ne!(topic("chat/lobby"), topic("chat/kitchen"));
    }

    #[test]
    fn what_is_not_read_any_more_is_given_up_after_a_while() {
        let mut needs = Needs::default();
        assert!(needs.pattern(&Pattern::new("a/b/*").unwrap()));
        assert!(!needs.pattern(&Pattern::new("a/b/**").unwrap()), "the same bucket");
        needs.answered(OriginTag::from_low_bits(1), needs.version(), 7);
        assert_eq!(needs.floor(topic("a/b/c"), OriginTag::from_low_bits(1)), Some(7));
        assert!(!needs.sweep(1_000, |_| true));
        assert!(!needs.sweep(2_000, |_| false), "its reader may come back");
        assert!(!needs.sweep(2_000 + LINGER_MS - 1, |_| false));
        assert!(needs.sweep(3_000 + LINGER_MS, |_| false));
        assert!(needs.interest().buckets.is_empty());
        assert_eq!(needs.floor(topic("a/b/c"), OriginTag::from_low_bits(1)), None);
    }
}
