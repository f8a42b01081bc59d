//! Names of topics and nodes: validated once, at the boundary, and cheap to clone after that.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Most bytes in a topic's name or in a pattern: a name travels in every frame, so it stays short.
pub const NAME_BYTES_MAX: usize = 512;

/// Most segments in a topic's name or in a pattern: deeper trees are better said with parameters.
pub const NAME_SEGMENTS_MAX: usize = 16;

/// Most bytes in a node's name: that of a DNS label, where many node names come from.
const NODE_NAME_BYTES_MAX: usize = 63;

/// Why a topic name, pattern or node name was refused. The message names the segment and the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("the name is empty: write segments separated by `/`, as in `board/7/title`")]
    Empty,
    /// Longer than [`NAME_BYTES_MAX`] bytes.
    #[error("the name has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Bytes in the name.
        bytes: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// More than [`NAME_SEGMENTS_MAX`] segments.
    #[error("the name has {segments} segments, at most {NAME_SEGMENTS_MAX} are allowed")]
    TooDeep {
        /// Segments in the name.
        segments: usize,
    },
    /// Two slashes in a row, or one at an end.
    #[error("segment {segment} is empty: a name neither begins nor ends with `/`, nor holds `//`")]
    EmptySegment {
        /// Counted from 1.
        segment: usize,
    },
    /// A byte outside of the alphabet.
    #[error("segment {segment} holds {found:?}: allowed are A-Z a-z 0-9 _ . - and ~XX for any other byte")]
    Forbidden {
        /// Counted from 1.
        segment: usize,
        /// The character that is not allowed.
        found: char,
    },
    /// `~` without two upper-case hex digits, or an escape of what needs none.
    #[error(
        "segment {segment} has a wrong escape: `~` stands before two upper-case hex digits of a byte that is not plain"
    )]
    Escape {
        /// Counted from 1.
        segment: usize,
    },
    /// `.` or `..`, which URL parsers fold away.
    #[error("segment {segment} is `.` or `..`, which an address cannot hold: write `~2E` or `~2E~2E`")]
    Dots {
        /// Counted from 1.
        segment: usize,
    },
    /// A wildcard where a plain name is needed.
    #[error("segment {segment} is a wildcard: this place takes the name of one topic, not a pattern")]
    Wildcard {
        /// Counted from 1.
        segment: usize,
    },
    /// `*` inside a segment, or `**` before the end.
    #[error("segment {segment} misuses `*`: it stands alone for one segment, and `**` only at the end")]
    MisplacedWildcard {
        /// Counted from 1.
        segment: usize,
    },
}

/// The name of one topic: `/`-separated segments, none of them empty.
///
/// The alphabet is `A-Z a-z 0-9 _ . -`; any other byte is escaped as `~XX` (upper-case hex), and a
/// lone `~` is the empty parameter. Each value has exactly one spelling, and no character of it
/// needs an escape in a URL's path or query, in HTML or in a log: a name looks the same everywhere.
///
/// ```
/// use tidings_wire::TopicName;
/// let name: TopicName = "chat/caf~C3~A9".parse()?;
/// assert_eq!(name.segments().collect::<Vec<_>>(), ["chat", "caf~C3~A9"]);
/// assert!("chat//x".parse::<TopicName>().is_err());
/// # Ok::<(), tidings_wire::NameError>(())
/// ```
///
/// Limits: [`NAME_BYTES_MAX`] bytes, [`NAME_SEGMENTS_MAX`] segments.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Checks a name.
    ///
    /// # Errors
    /// A [`NameError`] that names the segment and the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name, |segment, text| {
            if text == "*" || text == "**" {
                Err(NameError::Wildcard { segment })
            } else {
                check_segment(segment, text)
            }
        })?;
        Ok(Self(name.into()))
    }

    /// The name as it is written everywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, still escaped.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The text of a pattern without wildcards, which was checked by the same rules.
    pub(crate) fn checked(text: Arc<str>) -> Self {
        Self(text)
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.0
    }
}

impl FromStr for TopicName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl TryFrom<&str> for TopicName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Lets a map of topics be asked with a `&str`, without an allocation.
impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicName({})", self.0)
    }
}

impl Serialize for TopicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TopicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(Self::new))
    }
}

/// The name of a node, unique in its cluster: one segment of a topic, at most 63 bytes.
///
/// ```
/// use tidings_wire::NodeName;
/// let alpha: NodeName = "alpha".parse()?;
/// assert!("al/pha".parse::<NodeName>().is_err());
/// # Ok::<(), tidings_wire::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// Checks a node's name.
    ///
    /// # Errors
    /// A [`NameError`] that names the rule.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NODE_NAME_BYTES_MAX {
            return Err(NameError::TooLong { bytes: name.len(), max: NODE_NAME_BYTES_MAX });
        }
        check_segment(1, name)?;
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(Self::new))
    }
}

/// Makes something of a text where it stands: a name that is read from a frame is copied once.
struct Text<F>(F);

impl<T, F: FnOnce(&str) -> Result<T, NameError>> de::Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<T, E> {
        (self.0)(name).map_err(E::custom)
    }
}

/// Splits and counts; what one segment may hold is the caller's rule.
pub(crate) fn check(
    name: &str,
    mut segment_rule: impl FnMut(usize, &str) -> Result<(), NameError>,
) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong { bytes: name.len(), max: NAME_BYTES_MAX });
    }
    let segments = name.split('/').count();
    if segments > NAME_SEGMENTS_MAX {
        return Err(NameError::TooDeep { segments });
    }
    name.split('/').enumerate().try_for_each(|(at, text)| segment_rule(at + 1, text))
}

/// The two segments of plain bytes that an address cannot hold (URL standard, section 4.4), and their one spelling.
pub(crate) const DOTS: [&str; 2] = [".", ".."];
pub(crate) const DOTS_ESCAPED: [&str; 2] = ["~2E", "~2E~2E"];

/// One plain (not wildcard) segment.
pub(crate) fn check_segment(segment: usize, text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::EmptySegment { segment });
    }
    if text == crate::param::EMPTY || DOTS_ESCAPED.contains(&text) {
        return Ok(());
    }
    if DOTS.contains(&text) {
        return Err(NameError::Dots { segment });
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'~' => {
                let escaped = bytes.get(at + 1..at + 3).and_then(crate::param::unhex);
                // One spelling a value: what is plain must not be escaped.
                if escaped.is_none_or(is_plain) {
                    return Err(NameError::Escape { segment });
                }
                at += 3;
            }
            b'*' => return Err(NameError::MisplacedWildcard { segment }),
            byte if is_plain(byte) => at += 1,
            _ => {
                let found = text[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                return Err(NameError::Forbidden { segment, found });
            }
        }
    }
    Ok(())
}

/// Bytes that stand for themselves in a segment.
pub(crate) const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> NameError {
        TopicName::new(name).expect_err("the name should be refused")
    }

    #[test]
    fn plain_names_pass() {
        for name in ["a", "demo/messages", "board/7/card/3/title", "chat/caf~C3~A9", "x/~", "a.b/-_"] {
            assert_eq!(TopicName::new(name).expect(name).as_str(), name);
        }
    }

    #[test]
    fn the_error_names_segment_and_rule() {
        assert_eq!(error(""), NameError::Empty);
        assert_eq!(error("a//b"), NameError::EmptySegment { segment: 2 });
        assert_eq!(error("/a"), NameError::EmptySegment { segment: 1 });
        assert_eq!(error("a/b/"), NameError::EmptySegment { segment: 3 });
        assert_eq!(error("a/../b"), NameError::Dots { segment: 2 });
        assert!(TopicName::new("a/~2E~2E/...").is_ok());
        assert_eq!(error("a/b c"), NameError::Forbidden { segment: 2, found: ' ' });
        assert_eq!(error("a/é"), NameError::Forbidden { segment: 2, found: 'é' });
        assert_eq!(error("a/*"), NameError::Wildcard { segment: 2 });
        assert_eq!(error("a/b*"), NameError::MisplacedWildcard { segment: 2 });
        assert_eq!(error("a/~c3"), NameError::Escape { segment: 2 });
        assert_eq!(error("a/~4"), NameError::Escape { segment: 2 });
        // `A` needs no escape: a second spelling of one name would be a second topic.
        assert_eq!(error("a/~41"), NameError::Escape { segment: 2 });
        assert_eq!(error(&"a/".repeat(NAME_SEGMENTS_MAX)), NameError::TooDeep { segments: NAME_SEGMENTS_MAX + 1 });
        assert_eq!(error(&"a".repeat(513)), NameError::TooLong { bytes: 513, max: 512 });
    }

    #[test]
    fn serde_checks_too() {
        assert!(serde_json::from_str::<TopicName>("\"a/b\"").is_ok());
        let refused = serde_json::from_str::<TopicName>("\"a/*\"").expect_err("a wildcard");
        assert!(refused.to_string().contains("segment 2"), "{refused}");
    }
}
