//! Versions: which of two values of a topic is newer, the same on every node and in every browser.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::OriginTag;

/// Bits of the logical counter, below the milliseconds.
const COUNTER_BITS: u32 = 16;

/// A hybrid logical clock's reading and the origin that took it.
///
/// Ordered by clock, then by origin. Its text, `HHHHHHHHHHHHHHHH-OOOOOOOOOOOO` in lower-case hex,
/// has a fixed width, so that versions compare as strings too, in any language. The clock is 48
/// bits of milliseconds since the Unix epoch and 16 of a counter (Kulkarni et al., "Logical
/// Physical Clocks", 2014).
///
/// ```
/// use tidings_wire::{OriginTag, Version};
/// let origin = OriginTag::from_low_bits(7);
/// let (old, new) = (Version::new(1_000, 0, origin), Version::new(1_000, 1, origin));
/// assert!(old < new && old.to_string() < new.to_string());
/// assert_eq!(new.ms(), 1_000);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    clock: u64,
    origin: OriginTag,
}

/// The text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a version is 16 hex digits, `-` and 12 hex digits, all lower-case")]
pub struct VersionError;

impl Version {
    /// A version from its parts; milliseconds beyond 48 bits count as the last.
    #[must_use]
    pub const fn new(ms: u64, counter: u16, origin: OriginTag) -> Self {
        let ms = if ms >> 48 == 0 { ms } else { (1 << 48) - 1 };
        Self { clock: ms << COUNTER_BITS | counter as u64, origin }
    }

    /// A version from a clock's whole reading.
    #[must_use]
    pub const fn from_clock(clock: u64, origin: OriginTag) -> Self {
        Self { clock, origin }
    }

    /// The clock's reading: milliseconds and counter as one number.
    #[must_use]
    pub const fn clock(self) -> u64 {
        self.clock
    }

    /// Milliseconds since the Unix epoch by the origin's clock.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.clock >> COUNTER_BITS
    }

    /// Who published it.
    #[must_use]
    pub const fn origin(self) -> OriginTag {
        self.origin
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.clock, self.origin)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (clock, origin) = text.split_once('-').ok_or(VersionError)?;
        Ok(Self { clock: hex(clock, 16)?, origin: OriginTag::from_low_bits(hex(origin, 12)?) })
    }
}

/// Exactly so many lower-case digits: `from_str_radix` alone would take `+1` and `AB`.
fn hex(digits: &str, width: usize) -> Result<u64, VersionError> {
    let exact = digits.len() == width && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if exact { u64::from_str_radix(digits, 16).map_err(|_| VersionError) } else { Err(VersionError) }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn versions() -> impl Strategy<Value = Version> {
        (any::<u64>(), any::<u64>())
            .prop_map(|(clock, origin)| Version::from_clock(clock, OriginTag::from_low_bits(origin)))
    }

    proptest! {
        #[test]
        fn text_and_back(version in versions()) {
            prop_assert_eq!(version.to_string().parse::<Version>(), Ok(version));
        }

        #[test]
        fn texts_compare_as_versions_do(a in versions(), b in versions()) {
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }
    }

    #[test]
    fn only_the_one_spelling_is_read() {
        for text in ["", "-", "0-0", "000000000000000A-000000000000", "+00000000000000a-000000000000"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text:?}");
        }
    }
}
