//! Kinds of topics: what is kept, and who hears of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a topic keeps. Part of a typed topic's type, and of what a node tells its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicKind {
    /// The newest value. Writers are ordered by [`Version`](crate::Version); the last one wins.
    State,
    /// A history, bounded by [`Keep`].
    Events,
    /// Nothing: who listens now hears it. What an undeclared topic is, as in Phoenix.PubSub.
    Signal,
    /// Never leaves the browser: components of one page talk to each other.
    Local,
}

impl TopicKind {
    /// Its name in text: `state`, `events`, `signal`, `local`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Events => "events",
            Self::Signal => "signal",
            Self::Local => "local",
        }
    }

    /// Whether a value is there for who comes later.
    #[must_use]
    pub const fn is_retained(self) -> bool {
        matches!(self, Self::State | Self::Events)
    }
}

impl std::fmt::Display for TopicKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much history an Events topic keeps: whichever limit is reached first.
///
/// Age counts from when a node applied the message, not from its writer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Keep {
    /// Messages.
    pub count: u32,
    /// Seconds.
    pub age_s: u32,
}

impl Keep {
    /// Of an Events topic that does not say: enough for a page of history, gone within a day.
    pub const EVENTS: Self = Self { count: 100, age_s: 24 * 60 * 60 };

    /// The one newest value, for as long as the topic lives.
    pub const STATE: Self = Self { count: 1, age_s: u32::MAX };

    /// Only for streams and short reconnects: a Signal has no history.
    pub const SIGNAL: Self = Self { count: 64, age_s: 5 };

    /// The age as a duration.
    #[must_use]
    pub const fn age(self) -> Duration {
        Duration::from_secs(self.age_s as u64)
    }

    /// Reads an age such as `"90s"`, `"15m"`, `"2h"` or `"1d"` at compile time, for [`topics!`](crate::topics).
    ///
    /// # Panics
    /// When the text is no whole number and unit. In a constant that is a compile error.
    #[must_use]
    pub const fn seconds(age: &str) -> u32 {
        let bytes = age.as_bytes();
        assert!(bytes.len() >= 2, "an age is a whole number and one of s, m, h, d, as in \"1d\"");
        let mut number = 0_u32;
        let mut at = 0;
        while at < bytes.len() - 1 {
            assert!(bytes[at].is_ascii_digit(), "an age is a whole number and one of s, m, h, d, as in \"1d\"");
            let Some(tens) = number.checked_mul(10) else { panic!("an age is less than 136 years") };
            let Some(next) = tens.checked_add((bytes[at] - b'0') as u32) else {
                panic!("an age is less than 136 years")
            };
            number = next;
            at += 1;
        }
        let unit = match bytes[bytes.len() - 1] {
            b's' => 1,
            b'm' => 60,
            b'h' => 60 * 60,
            b'd' => 24 * 60 * 60,
            _ => panic!("an age ends with s, m, h or d"),
        };
        let Some(seconds) = number.checked_mul(unit) else { panic!("an age is less than 136 years") };
        seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_units() {
        assert_eq!(Keep::seconds("90s"), 90);
        assert_eq!(Keep::seconds("2h"), 7200);
        assert_eq!(Keep::seconds("1d"), 86_400);
    }
}
