//! What a writer of the journal has seen of its streams: how far they count, and what they can still take.

use std::fmt;

use async_nats::jetstream::stream::Info;
use tokio::time::Instant;

/// Bytes below a stream's limit at which nothing more is written. At its limit nats-server 2.9.10, told to refuse what is
/// new, lets the oldest record go all the same: the last value of some topic. So nobody may come there, also not when many
/// nodes write at once between two looks.
pub(crate) const RESERVE_BYTES: u64 = 64 << 20;

/// What was seen of the streams.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The highest number of each: values, histories.
    pub(crate) numbers: [u64; 2],
    /// When that of the histories began, as the server says: another one has other numbers.
    pub(crate) born: i128,
    /// The least that it was seen to hold of a topic: one that has so many may have let go of others, also where it may
    /// hold more by now.
    pub(crate) history_max: Option<u64>,
    pub(crate) room: [Option<Room>; 2],
}

/// What a stream can still take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) looked: Instant,
}

impl Room {
    pub(crate) fn of(info: &Info) -> Self {
        let max = u64::try_from(info.config.max_bytes).unwrap_or(u64::MAX);
        Self { bytes: max.saturating_sub(info.state.bytes.saturating_add(RESERVE_BYTES)), looked: Instant::now() }
    }
}

/// What the writer of a mark had seen of the histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenBy {
    pub(crate) born: i128,
    pub(crate) number: u64,
    pub(crate) history_max: u64,
}

impl fmt::Display for SeenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.born, self.number, self.history_max)
    }
}

impl SeenBy {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let seen = Self {
            born: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            history_max: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(seen)
    }

    /// Whether all of that is there, where this stream of histories holds records up to this one. A mark that was written
    /// before any history says nothing of them.
    pub(crate) fn is_whole(self, born: i128, last: u64) -> bool {
        self.number == 0 || self.born == born && self.number <= last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_believed_while_its_histories_are_there() {
        let seen = SeenBy { born: 7, number: 5, history_max: 100 };
        assert_eq!(SeenBy::read(&seen.to_string()), Some(seen));
        assert!(seen.is_whole(7, 5) && seen.is_whole(7, 6));
        assert!(!seen.is_whole(7, 4), "the server has lost its last records");
        assert!(!seen.is_whole(8, 9), "the stream is another one");
        assert!(SeenBy { number: 0, ..seen }.is_whole(8, 9), "it was written before any history");
        for none in ["", "7", "7:5", "7:5:x", "7:5:100:1"] {
            assert_eq!(SeenBy::read(none), None, "{none}");
        }
    }
}
