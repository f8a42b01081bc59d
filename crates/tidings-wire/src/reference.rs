//! References: which of the many entries of a key is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Who holds an entry: 128 random bits that a page makes up once, or the hub where nobody gives one.
///
/// The same reference on two nodes is one and the same holder, so that a page may move between nodes and stay one entry.
/// It must not be guessable: whoever knows it can take the entry over. Its text is 32 hexadecimal digits.
///
/// ```
/// use tidings_wire::Reference;
/// let reference: Reference = "00112233445566778899aabbccddeeff".parse()?;
/// assert_eq!(reference.to_string(), "00112233445566778899aabbccddeeff");
/// assert!("guess".parse::<Reference>().is_err());
/// # Ok::<(), tidings_wire::ReferenceError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference([u8; 16]);

/// A text that is no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a reference has 32 digits of 0-9 and a-f")]
pub struct ReferenceError;

impl Reference {
    /// One from random bytes: 16 that a generator for secrets gave, for nobody else may guess them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling each: no capitals, no sign.
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(ReferenceError);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ReferenceError)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Reference {
    /// The first digits: enough to tell them apart, and too few to take an entry over by a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", u128::from_be_bytes(self.0) >> 96)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_and_back(bytes in any::<[u8; 16]>()) {
            let reference = Reference::from_bytes(bytes);
            prop_assert_eq!(reference.to_string().parse(), Ok(reference));
            prop_assert_eq!(reference.to_bytes(), bytes);
        }
    }

    #[test]
    fn each_has_one_spelling_and_no_log_shows_it() {
        for text in ["", "00112233445566778899AABBCCDDEEFF", "+0112233445566778899aabbccddeeff", "0011"] {
            assert_eq!(text.parse::<Reference>(), Err(ReferenceError), "{text}");
        }
        let reference = Reference::from_bytes([7; 16]);
        assert!(!format!("{reference:?}").contains(&reference.to_string()));
        let json = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
        assert!(serde_json::from_str::<Reference>("\"07\"").is_err());
    }
}
