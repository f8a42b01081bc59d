//! The chat: rooms, lines, and what holds for both sides.

#[cfg(feature = "ssr")]
mod pace;
#[cfg(feature = "ssr")]
mod say;

use serde::{Deserialize, Serialize};
use tidings_leptos::{LogItem, LogRow};
use tidings_wire::TopicName;

use crate::topics::CHAT;

#[cfg(feature = "ssr")]
pub(crate) use say::say;

/// Most characters of a room's name.
pub(crate) const ROOM_CHARS_MAX: usize = 24;

/// What somebody said in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The guest's id.
    pub guest: String,
    /// The guest's name, then.
    pub name: String,
    /// The guest's colour, then.
    pub colour: u8,
    /// One line of plain text.
    pub text: String,
    /// Counts the room's lines, so that a page knows how many it has missed. Lines that are said on two nodes at once may
    /// have the same number: a page then knows of fewer.
    pub nth: u64,
}

/// Whether there may be a room of this name: lower-case letters, digits and hyphens, for it stands in addresses.
pub(crate) fn is_room_name(room: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ROOM_CHARS_MAX).contains(&room.len()) && room.bytes().all(plain)
}

/// Whether a topic is that of a room that may be.
#[must_use]
pub fn is_room(topic: &TopicName) -> bool {
    CHAT.params(topic).is_some_and(|(room,)| is_room_name(&room))
}

/// A row of the log, and of a break how many lines are missing there, where that can be told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChatRow {
    pub(crate) item: LogItem<Line>,
    pub(crate) missed: Option<u64>,
}

/// Counts what is missing at each break: from the line before it to the line after it.
pub(crate) fn rows(items: impl IntoIterator<Item = LogItem<Line>>) -> Vec<ChatRow> {
    let (mut rows, mut last, mut open): (Vec<ChatRow>, Option<u64>, Vec<usize>) = Default::default();
    for item in items {
        match &item.row {
            LogRow::Message { value, .. } => {
                let missed = last.and_then(|last| value.nth.checked_sub(last + 1)).filter(|missed| *missed > 0);
                for at in open.drain(..) {
                    rows[at].missed = missed;
                }
                last = Some(value.nth);
            }
            LogRow::Missed(_) => open.push(rows.len()),
            _ => {}
        }
        rows.push(ChatRow { item, missed: None });
    }
    rows
}

#[cfg(test)]
mod tests {
    use tidings_wire::{OriginTag, Version, event::GapCause};

    use super::*;

    fn item(key: u64, row: LogRow<Line>) -> LogItem<Line> {
        LogItem { key, row }
    }

    fn line(nth: u64) -> LogItem<Line> {
        let value = Line { guest: "g".into(), name: "Ann".into(), colour: 0, text: "hello".into(), nth };
        item(nth, LogRow::Message { version: Version::new(nth, 0, OriginTag::from_low_bits(1)), value })
    }

    #[test]
    fn a_break_says_how_many_lines_are_missing() {
        let gap = || item(100, LogRow::Missed(GapCause::Evicted));
        let missed = |items: Vec<LogItem<Line>>| rows(items).iter().map(|row| row.missed).collect::<Vec<_>>();
        assert_eq!(missed(vec![line(1), line(2), gap(), line(15)]), [None, None, Some(12), None]);
        assert_eq!(missed(vec![line(1), gap()]), [None, None], "not known yet");
        assert_eq!(missed(vec![line(7), gap(), line(8)]), [None, None, None], "nothing is missing of this room");
        assert_eq!(missed(vec![gap(), line(8)]), [None, None], "from when on is not known");
        assert_eq!(missed(vec![line(9), gap(), line(3)]), [None, None, None], "it counts anew");
    }

    #[test]
    fn rooms_have_plain_names() {
        assert!(["lobby", "a", "rust-2024", &"x".repeat(24)].iter().all(|room| is_room_name(room)));
        assert!(["", "Lobby", "a b", "a/b", "é", "~", &"x".repeat(25)].iter().all(|room| !is_room_name(room)));
        assert!(is_room(CHAT.at("lobby").name().unwrap()) && !is_room(CHAT.at("Lobby").name().unwrap()));
    }
}
