//! Cursors: how far a node's log had come, as text that fits an SSE `id:`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::NodeName;

/// Most origins a cursor lists; nodes that restart often leave many behind, each for three hours.
pub const CURSOR_ORIGINS_MAX: usize = 256;

/// The first byte of every cursor: another layout gets another number.
const LAYOUT: u8 = 1;
/// Layout and second of issue.
const HEAD_BYTES: usize = 6;
/// Tag and stamp of one origin. A multiple of three, as is the head: each entry then has base64
/// digits of its own, and a log can patch one stamp in place instead of encoding all of them again.
const ENTRY_BYTES: usize = 12;

/// Largest stamp, and largest second, that their bytes hold.
const STAMP_MAX: u64 = (1 << 48) - 1;
const SECONDS_MAX: u64 = (1 << 40) - 1;

/// Which origin (a node in one of its epochs) published something: a 48-bit hash of both.
///
/// Among the 256 origins that a cursor can list, two share a tag with a probability of 10⁻¹⁰.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginTag(u64);

impl OriginTag {
    /// The tag of a node in an epoch. The hash (FNV-1a with the finish of SplitMix64) is part of the wire version.
    #[must_use]
    pub fn of(node: &NodeName, epoch: u64) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in node.as_str().bytes().chain(*b"/").chain(epoch.to_be_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        Self::from_low_bits(hash)
    }

    /// The tag whose number is the low 48 bits.
    #[must_use]
    pub const fn from_low_bits(bits: u64) -> Self {
        Self(bits & 0xffff_ffff_ffff)
    }

    /// Its six bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }
}

impl fmt::Display for OriginTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl fmt::Debug for OriginTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no cursor. A reader that brings such a cursor gets a gap and a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Not base64url, or cut.
    #[error("the cursor is malformed: pass on an `id:` as it was received")]
    Malformed,
    /// Of another layout.
    #[error("the cursor has layout {0}, this build reads {LAYOUT}")]
    Layout(u8),
    /// More than [`CURSOR_ORIGINS_MAX`] origins.
    #[error("the cursor lists more than {CURSOR_ORIGINS_MAX} origins")]
    TooLong,
}

/// Where a node's log had come: for each origin the highest stamp that was applied.
///
/// A property of the log and not of a reader, so it is encoded once a message and is the same for
/// all streams. An origin that is not listed counts as 0.
///
/// ```
/// use tidings_wire::{Cursor, OriginTag};
/// let alpha = OriginTag::from_low_bits(1);
/// let mut cursor = Cursor::issued_at(1_700_000_000);
/// cursor.set(alpha, 41);
/// let text = cursor.to_string();
/// assert_eq!(text.len(), 24, "8 characters, and 16 for each origin");
/// assert_eq!(text.parse::<Cursor>()?.get(alpha), 41);
/// # Ok::<(), tidings_wire::CursorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    issued_s: u64,
    /// Sorted by tag, each once.
    stamps: Vec<(OriginTag, u64)>,
}

impl Cursor {
    /// A cursor before everything, issued at a second since the Unix epoch.
    #[must_use]
    pub fn issued_at(issued_s: u64) -> Self {
        Self { issued_s: issued_s.min(SECONDS_MAX), stamps: Vec::new() }
    }

    /// The second since the Unix epoch at which a node issued it.
    #[must_use]
    pub fn issued_s(&self) -> u64 {
        self.issued_s
    }

    /// The highest stamp applied of an origin; 0 for one that is not listed.
    #[must_use]
    pub fn get(&self, origin: OriginTag) -> u64 {
        self.find(origin).map_or(0, |at| self.stamps[at].1)
    }

    /// Whether an origin is listed.
    #[must_use]
    pub fn lists(&self, origin: OriginTag) -> bool {
        self.find(origin).is_ok()
    }

    /// Sets an origin's stamp. Stamps stay below 2⁴⁸: at a million a second that is nine years.
    pub fn set(&mut self, origin: OriginTag, stamp: u64) {
        let stamp = stamp.min(STAMP_MAX);
        match self.find(origin) {
            Ok(at) => self.stamps[at].1 = stamp,
            Err(at) => self.stamps.insert(at, (origin, stamp)),
        }
    }

    /// Takes an origin off the list.
    pub fn forget(&mut self, origin: OriginTag) {
        if let Ok(at) = self.find(origin) {
            self.stamps.remove(at);
        }
    }

    /// Whether the message with this stamp is at or below the cursor.
    #[must_use]
    pub fn covers(&self, origin: OriginTag, stamp: u64) -> bool {
        stamp <= self.get(origin)
    }

    /// Whether it covers everything that another one covers.
    #[must_use]
    pub fn dominates(&self, other: &Self) -> bool {
        other.iter().all(|(origin, stamp)| self.covers(origin, stamp))
    }

    /// Raises each origin's stamp to the other's, where that is higher: what both together cover.
    pub fn merge(&mut self, other: &Self) {
        for (origin, stamp) in other.iter() {
            self.set(origin, stamp.max(self.get(origin)));
        }
        self.issued_s = self.issued_s.max(other.issued_s);
    }

    /// The listed origins and their stamps, by tag.
    pub fn iter(&self) -> impl Iterator<Item = (OriginTag, u64)> + '_ {
        self.stamps.iter().copied()
    }

    /// The latest cursor that lies at or below both: what a stream has to begin at so that readers
    /// of either miss nothing. Its second of issue is the older of the two.
    #[must_use]
    pub fn earliest(&self, other: &Self) -> Self {
        let mut earliest = Self::issued_at(self.issued_s.min(other.issued_s));
        // Listed also at 0: that an origin was known is what tells a node that has never heard of it.
        for (origin, _) in self.iter().chain(other.iter()) {
            earliest.set(origin, self.get(origin).min(other.get(origin)));
        }
        earliest
    }

    fn find(&self, origin: OriginTag) -> Result<usize, usize> {
        self.stamps.binary_search_by_key(&origin, |(tag, _)| *tag)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + ENTRY_BYTES * self.stamps.len());
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&self.issued_s.to_be_bytes()[3..]);
        for (origin, stamp) in &self.stamps {
            bytes.extend_from_slice(&origin.to_bytes());
            bytes.extend_from_slice(&stamp.to_be_bytes()[2..]);
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let (head, entries) = bytes.split_at_checked(HEAD_BYTES).ok_or(CursorError::Malformed)?;
        let [layout, issued @ ..] = head else { return Err(CursorError::Malformed) };
        if *layout != LAYOUT {
            return Err(CursorError::Layout(*layout));
        }
        if !entries.len().is_multiple_of(ENTRY_BYTES) {
            return Err(CursorError::Malformed);
        }
        if entries.len() / ENTRY_BYTES > CURSOR_ORIGINS_MAX {
            return Err(CursorError::TooLong);
        }
        let mut cursor = Self::issued_at(big_endian(issued));
        for entry in entries.as_chunks::<ENTRY_BYTES>().0 {
            let (tag, stamp) = entry.split_at(6);
            let origin = OriginTag::from_low_bits(big_endian(tag));
            // The order is part of the layout; a tag given twice would make the cursor ambiguous.
            if cursor.stamps.last().is_some_and(|(last, _)| *last >= origin) {
                return Err(CursorError::Malformed);
            }
            cursor.stamps.push((origin, big_endian(stamp)));
        }
        Ok(cursor)
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> impl Strategy<Value = Cursor> {
        (0..=SECONDS_MAX, prop::collection::vec((any::<u64>(), 0..=STAMP_MAX), 0..20)).prop_map(|(issued, stamps)| {
            let mut cursor = Cursor::issued_at(issued);
            for (tag, stamp) in stamps {
                cursor.set(OriginTag::from_low_bits(tag), stamp);
            }
            cursor
        })
    }

    /// Few origins and low stamps, so that cursors meet.
    const TAGS: u64 = 4;

    fn meeting() -> impl Strategy<Value = Cursor> {
        (0..9_u64, prop::collection::vec(prop::option::of(0..4_u64), TAGS as usize)).prop_map(|(issued, stamps)| {
            let mut cursor = Cursor::issued_at(issued);
            for (tag, stamp) in (0..).zip(stamps) {
                if let Some(stamp) = stamp {
                    cursor.set(OriginTag::from_low_bits(tag), stamp);
                }
            }
            cursor
        })
    }

    proptest! {
        #[test]
        fn text_and_back(cursor in cursors()) {
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn the_text_is_canonical(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() { *first = LAYOUT; }
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }

        #[test]
        fn covering_is_a_partial_order((a, b, c) in (meeting(), meeting(), meeting())) {
            prop_assert!(a.dominates(&a) && a.dominates(&Cursor::default()));
            if a.dominates(&b) && b.dominates(&c) { prop_assert!(a.dominates(&c)); }
            if a.dominates(&b) && b.dominates(&a) {
                // What is listed at 0 covers nothing more than what is not listed.
                prop_assert!((0..TAGS).all(|tag| a.get(OriginTag::from_low_bits(tag)) == b.get(OriginTag::from_low_bits(tag))));
            }
        }

        #[test]
        fn merged_cursors_cover_what_either_covers_and_no_more((a, b, c) in (meeting(), meeting(), meeting())) {
            let merged = |a: &Cursor, b: &Cursor| { let mut both = a.clone(); both.merge(b); both };
            let both = merged(&a, &b);
            prop_assert!(both.dominates(&a) && both.dominates(&b));
            if c.dominates(&a) && c.dominates(&b) { prop_assert!(c.dominates(&both), "it is the least of those"); }
            prop_assert_eq!(&both, &merged(&b, &a));
            prop_assert_eq!(merged(&both, &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&both, &a), both);
        }

        #[test]
        fn the_earliest_is_the_most_that_both_cover((a, b, c) in (meeting(), meeting(), meeting())) {
            let earliest = a.earliest(&b);
            prop_assert!(a.dominates(&earliest) && b.dominates(&earliest));
            if a.dominates(&c) && b.dominates(&c) { prop_assert!(earliest.dominates(&c), "it is the most of those"); }
            prop_assert_eq!(&earliest, &b.earliest(&a));
            prop_assert_eq!(earliest.earliest(&c), a.earliest(&b.earliest(&c)));
        }

        #[test]
        fn a_cursor_is_a_map(steps in prop::collection::vec((0..TAGS, prop::option::of(0..9_u64)), 0..30)) {
            let (mut cursor, mut map) = (Cursor::default(), std::collections::BTreeMap::new());
            for (tag, stamp) in steps {
                let origin = OriginTag::from_low_bits(tag);
                match stamp {
                    Some(stamp) => { cursor.set(origin, stamp); map.insert(origin, stamp); }
                    None => { cursor.forget(origin); map.remove(&origin); }
                }
                prop_assert_eq!(cursor.iter().collect::<Vec<_>>(), map.clone().into_iter().collect::<Vec<_>>());
                prop_assert_eq!((cursor.lists(origin), cursor.get(origin)), (stamp.is_some(), stamp.unwrap_or(0)));
            }
        }

        #[test]
        fn any_text_is_a_cursor_or_an_error(text in ".{0,80}") {
            let _ = text.parse::<Cursor>();
        }

        #[test]
        fn the_earliest_covers_nothing_that_either_lacks(a in cursors(), b in cursors(), tag in any::<u64>()) {
            let earliest = a.earliest(&b);
            let tags = a.iter().chain(b.iter()).map(|(tag, _)| tag).chain([OriginTag::from_low_bits(tag)]);
            for origin in tags {
                prop_assert_eq!(earliest.get(origin), a.get(origin).min(b.get(origin)));
            }
        }
    }

    #[test]
    fn wrong_cursors_say_why() {
        assert_eq!("".parse::<Cursor>(), Err(CursorError::Malformed));
        assert_eq!("%%%".parse::<Cursor>(), Err(CursorError::Malformed));
        let other = URL_SAFE_NO_PAD.encode([9, 0, 0, 0, 0, 0]);
        assert_eq!(other.parse::<Cursor>(), Err(CursorError::Layout(9)));
        let long = URL_SAFE_NO_PAD.encode([&[1, 0, 0, 0, 0, 0][..], &[0; ENTRY_BYTES * 257][..]].concat());
        assert_eq!(long.parse::<Cursor>(), Err(CursorError::TooLong));
    }

    #[test]
    fn a_tag_depends_on_name_and_epoch() {
        let (alpha, beta) = (NodeName::new("alpha").unwrap(), NodeName::new("beta").unwrap());
        assert_ne!(OriginTag::of(&alpha, 1), OriginTag::of(&alpha, 2));
        assert_ne!(OriginTag::of(&alpha, 1), OriginTag::of(&beta, 1));
        // Fixed by the wire version: other builds must compute the same.
        assert_eq!(OriginTag::of(&alpha, 1).to_string(), "975df8b54319");
    }
}
