//! Patterns: one subscription to many topics.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    NameError, TopicName,
    name::{check, check_segment},
};

/// A topic's name in which `*` stands for one segment, and a final `**` for one or more.
///
/// A plain name is the pattern of itself alone. `a/**` needs one more segment: it does not match `a`.
///
/// ```
/// use tidings_wire::{Pattern, TopicName};
/// let titles: Pattern = "board/7/card/*/title".parse()?;
/// assert!(titles.matches(&TopicName::new("board/7/card/3/title")?));
/// let all: Pattern = "board/**".parse()?;
/// assert!(all.matches(&TopicName::new("board/7")?) && !all.matches(&TopicName::new("board")?));
/// # Ok::<(), tidings_wire::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// A [`NameError`] that names the segment and the rule.
    pub fn new(pattern: &str) -> Result<Self, NameError> {
        let last = pattern.split('/').count();
        check(pattern, |segment, text| match text {
            "*" => Ok(()),
            "**" if segment == last => Ok(()),
            _ => check_segment(segment, text),
        })
        .map_err(|error| match error {
            // `**` in the middle reaches `check_segment`, which sees only its first star.
            NameError::Wildcard { segment } => NameError::MisplacedWildcard { segment },
            other => other,
        })?;
        Ok(Self(pattern.into()))
    }

    /// The pattern as it is written everywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments; `*` and `**` are the wildcards.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The one topic that this pattern names, if it holds no wildcard.
    #[must_use]
    pub fn as_topic(&self) -> Option<TopicName> {
        self.is_plain().then(|| TopicName::checked(self.0.clone()))
    }

    /// Whether it holds no wildcard.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.0.contains('*')
    }

    /// What every topic of the pattern begins with: all of it up to the first wildcard.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.find('*').map_or(&self.0, |wildcard| &self.0[..wildcard])
    }

    /// Whether every topic of another pattern is among those of this one.
    ///
    /// ```
    /// # use tidings_wire::Pattern;
    /// let titles: Pattern = "board/*/title".parse()?;
    /// assert!(titles.holds(&"board/7/title".parse()?) && titles.holds(&"board/*/title".parse()?));
    /// assert!(!titles.holds(&"board/**".parse()?));
    /// # Ok::<(), tidings_wire::NameError>(())
    /// ```
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let mut wide = self.segments();
        let mut narrow = other.segments();
        loop {
            match (wide.next(), narrow.next()) {
                (Some("**"), Some(_)) | (None, None) => return true,
                (_, Some("**")) => return false,
                (Some("*"), Some(_)) => {}
                (Some(wide), Some(narrow)) if wide == narrow => {}
                _ => return false,
            }
        }
    }

    /// Whether a topic is among those that the pattern names.
    #[must_use]
    pub fn matches(&self, topic: &TopicName) -> bool {
        let mut wanted = self.segments();
        let mut given = topic.segments();
        loop {
            match (wanted.next(), given.next()) {
                (Some("**"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(wanted), Some(given)) if wanted == given => {}
                _ => return false,
            }
        }
    }
}

impl From<TopicName> for Pattern {
    fn from(topic: TopicName) -> Self {
        Self(topic.text().clone())
    }
}

impl From<&TopicName> for Pattern {
    fn from(topic: &TopicName) -> Self {
        Self(topic.text().clone())
    }
}

impl FromStr for Pattern {
    type Err = NameError;

    fn from_str(pattern: &str) -> Result<Self, NameError> {
        Self::new(pattern)
    }
}

impl TryFrom<&str> for Pattern {
    type Error = NameError;

    fn try_from(pattern: &str) -> Result<Self, NameError> {
        Self::new(pattern)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.0)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pattern = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&pattern).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, topic: &str) -> bool {
        Pattern::new(pattern).expect(pattern).matches(&TopicName::new(topic).expect(topic))
    }

    #[test]
    fn wildcards_stand_for_segments() {
        assert!(matches("a/*/c", "a/b/c"));
        assert!(!matches("a/*/c", "a/b/b/c"));
        assert!(!matches("a/*", "a"));
        assert!(matches("a/**", "a/b"));
        assert!(matches("a/**", "a/b/c/d"));
        assert!(!matches("a/**", "a"), "`**` needs one more segment");
        assert!(matches("**", "a"));
        assert!(matches("a/b", "a/b"));
        assert!(!matches("a/b", "a/b/c"));
    }

    #[test]
    fn a_pattern_without_wildcards_is_a_topic() {
        let name = TopicName::new("a/b").unwrap();
        let pattern = Pattern::from(&name);
        assert_eq!((pattern.as_topic(), pattern.prefix()), (Some(name), "a/b"));
        let pattern = Pattern::new("a/b/*/c/**").unwrap();
        assert_eq!((pattern.as_topic(), pattern.prefix()), (None, "a/b/"));
    }

    #[test]
    fn misplaced_wildcards_name_their_segment() {
        assert_eq!(Pattern::new("a/**/b"), Err(NameError::MisplacedWildcard { segment: 2 }));
        assert_eq!(Pattern::new("a/b*"), Err(NameError::MisplacedWildcard { segment: 2 }));
        assert_eq!(Pattern::new("a//b"), Err(NameError::EmptySegment { segment: 2 }));
    }

    /// The rule said slowly: recursion over two slices, with no early exit to get wrong.
    fn matches_slowly(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            ([], []) => true,
            (["**"], topic) => !topic.is_empty(),
            (["*", pattern @ ..], [_, topic @ ..]) => matches_slowly(pattern, topic),
            ([wanted, pattern @ ..], [given, topic @ ..]) => wanted == given && matches_slowly(pattern, topic),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_slow_rule(
            pattern in prop::collection::vec(prop_oneof!["a", "b", Just("*".to_owned())], 1..5),
            rest in any::<bool>(),
            topic in prop::collection::vec("[ab]", 1..6),
        ) {
            let mut pattern = pattern;
            if rest { pattern.push("**".to_owned()); }
            let slow = matches_slowly(
                &pattern.iter().map(String::as_str).collect::<Vec<_>>(),
                &topic.iter().map(String::as_str).collect::<Vec<_>>(),
            );
            let (pattern, topic) = (pattern.join("/"), topic.join("/"));
            prop_assert_eq!(matches(&pattern, &topic), slow);
            prop_assert!(!slow || topic.starts_with(Pattern::new(&pattern).unwrap().prefix()));
        }
    }
}
