//! Typed parameters of a topic: each becomes exactly one segment, and back.

use thiserror::Error;

use crate::name::{DOTS, DOTS_ESCAPED, is_plain};

/// The spelling of an empty parameter: a segment cannot be empty.
pub(crate) const EMPTY: &str = "~";

/// Why a segment could not be read back as a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("segment {segment:?} is not a {wanted}")]
pub struct ParamError {
    /// The segment as it was given.
    pub segment: String,
    /// The type that it should be.
    pub wanted: &'static str,
}

/// A value that can stand in a topic's name as one segment.
///
/// Implemented for text, whole numbers, `bool` and `char`; implement it for your own id types by
/// way of those:
///
/// ```
/// use tidings_wire::{Param, ParamError};
/// struct CardId(u32);
/// impl Param for CardId {
///     fn to_segment(&self) -> String { self.0.to_segment() }
///     fn from_segment(segment: &str) -> Result<Self, ParamError> { u32::from_segment(segment).map(CardId) }
/// }
/// ```
pub trait Param: Sized {
    /// The segment: use [`encode_param`] for whatever is not plain by itself.
    fn to_segment(&self) -> String;

    /// The way back.
    ///
    /// # Errors
    /// [`ParamError`] when the segment is no spelling of such a value.
    fn from_segment(segment: &str) -> Result<Self, ParamError>;
}

/// Escapes any text into one segment: plain bytes as they are, others as `~XX`, nothing as `~`.
///
/// ```
/// assert_eq!(tidings_wire::encode_param("a/b *"), "a~2Fb~20~2A");
/// ```
#[must_use]
pub fn encode_param(text: &str) -> String {
    if text.is_empty() {
        return EMPTY.to_owned();
    }
    if let Some(at) = DOTS.iter().position(|dots| *dots == text) {
        return DOTS_ESCAPED[at].to_owned();
    }
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('~');
            segment.push(hex(byte >> 4));
            segment.push(hex(byte & 0xF));
        }
    }
    segment
}

/// Reads a segment back into text; `None` if it is not what [`encode_param`] writes.
#[must_use]
pub fn decode_param(segment: &str) -> Option<String> {
    if segment == EMPTY {
        return Some(String::new());
    }
    if let Some(at) = DOTS_ESCAPED.iter().position(|escaped| *escaped == segment) {
        return Some(DOTS[at].to_owned());
    }
    if segment.is_empty() || DOTS.contains(&segment) {
        return None;
    }
    let bytes = segment.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'~' {
            let byte = unhex(bytes.get(at + 1..at + 3)?).filter(|byte| !is_plain(*byte))?;
            text.push(byte);
            at += 3;
        } else {
            text.push(Some(bytes[at]).filter(|byte| is_plain(*byte))?);
            at += 1;
        }
    }
    String::from_utf8(text).ok()
}

const fn hex(nibble: u8) -> char {
    (if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }) as char
}

/// Two upper-case hex digits.
pub(crate) fn unhex(digits: &[u8]) -> Option<u8> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    Some(nibble(*digits.first()?)? << 4 | nibble(*digits.get(1)?)?)
}

impl Param for String {
    fn to_segment(&self) -> String {
        encode_param(self)
    }

    fn from_segment(segment: &str) -> Result<Self, ParamError> {
        decode_param(segment).ok_or_else(|| ParamError { segment: segment.to_owned(), wanted: "text" })
    }
}

impl Param for crate::NodeName {
    fn to_segment(&self) -> String {
        self.as_str().to_owned()
    }

    fn from_segment(segment: &str) -> Result<Self, ParamError> {
        Self::new(segment).map_err(|_| ParamError { segment: segment.to_owned(), wanted: "node name" })
    }
}

macro_rules! param_by_display {
    ($($type:ty: $wanted:literal),+ $(,)?) => {$(
        impl Param for $type {
            fn to_segment(&self) -> String {
                encode_param(&self.to_string())
            }

            fn from_segment(segment: &str) -> Result<Self, ParamError> {
                let error = || ParamError { segment: segment.to_owned(), wanted: $wanted };
                let value: Self = decode_param(segment).and_then(|text| text.parse().ok()).ok_or_else(error)?;
                // One spelling a value: `007` and `+7` are not `7`.
                if value.to_segment() == segment { Ok(value) } else { Err(error()) }
            }
        }
    )+};
}

param_by_display!(
    u8: "whole number", u16: "whole number", u32: "whole number", u64: "whole number", usize: "whole number",
    i8: "whole number", i16: "whole number", i32: "whole number", i64: "whole number", isize: "whole number",
    bool: "bool", char: "character",
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TopicName;

    proptest! {
        #[test]
        fn any_text_becomes_one_segment_and_comes_back(text in "(.{0,40}|\\.{0,3})") {
            let segment = encode_param(&text);
            prop_assert!(!segment.contains('/'));
            prop_assert!(!segment.contains('*'));
            prop_assert!(TopicName::new(&segment).is_ok());
            prop_assert_eq!(decode_param(&segment), Some(text));
        }

        #[test]
        fn one_spelling_a_value(segment in "[A-Za-z0-9~*/ .]{0,12}|(~2E){0,3}|\\.{0,3}") {
            if let Some(text) = decode_param(&segment) {
                prop_assert_eq!(encode_param(&text), segment);
            }
        }

        #[test]
        fn numbers_come_back(number in any::<i64>()) {
            prop_assert_eq!(i64::from_segment(&number.to_segment()), Ok(number));
        }
    }

    #[test]
    fn wrong_segments_are_refused() {
        assert!(u32::from_segment("007").is_err());
        assert!(u32::from_segment("~2B7").is_err());
        assert!(u32::from_segment("x").is_err());
        assert!(String::from_segment("").is_err());
        assert!(String::from_segment("~FF").is_err(), "not UTF-8");
    }
}
