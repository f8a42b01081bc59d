//! The topics of the app: declared once, for server and browser.

use serde::{Deserialize, Serialize};
use tidings_wire::{Events, Local, NodeName, Signal, State, TopicName, topics};

use crate::{
    board::{Column, Place},
    chat::Line,
    cluster::Sees,
    guest::{COLOURS, check_name},
};

topics! {
    /// How a node's process is doing, once a second.
    pub VITALS(node: NodeName): State<Vitals> = "node/{node}/vitals";
    /// A number owned by one actor of a node.
    pub COUNTER(node: NodeName): State<u64> = "node/{node}/counter";
    /// What a node sees of its cluster, once a second.
    pub SEES(node: NodeName): State<Sees> = "node/{node}/sees";
    /// What visitors said.
    pub MESSAGES: Events<Message> = "demo/messages" keep 200, "1d";
    /// The title of a card.
    pub TITLE(board: u32, card: u32): State<String> = "board/{board}/card/{card}/title";
    /// The column that a card stands in; the first one without a value.
    pub COLUMN(board: u32, card: u32): State<Column> = "board/{board}/card/{card}/column";
    /// A card's place in its column.
    pub PLACE(board: u32, card: u32): State<Place> = "board/{board}/card/{card}/place";
    /// What happened on a board.
    pub ACTIVITY(board: u32): Events<Message> = "board/{board}/activity" keep 50, "1d";
    /// What was said in a room of the chat.
    pub CHAT(room: String): Events<Line> = "chat/{room}" keep 100, "1d";
    /// Nothing is published here: who looks at the page of the cluster is present on it.
    pub LOOKS: Signal<bool> = "cluster/looks";
    /// The card that a visitor has picked: of one page alone.
    pub PICKED(board: u32): Local<u32> = "board/{board}/picked";
}

/// Boards are numbered from 1 to this: anyone may write to them, so their names have a bound.
pub const BOARDS_MAX: u32 = 99;

/// Cards of a board, numbered from 1.
pub const CARDS_MAX: u32 = 500;

/// Most characters of a card's title.
pub const TITLE_CHARS_MAX: usize = 80;

/// Whether a topic is a field of a card that may be.
#[must_use]
pub fn is_card(topic: &TopicName) -> bool {
    let params = TITLE.params(topic).or_else(|| COLUMN.params(topic)).or_else(|| PLACE.params(topic));
    params.is_some_and(|(board, card)| is_board_number(board) && (1..=CARDS_MAX).contains(&card))
}

/// Whether a topic is that of a board that may be.
#[must_use]
pub fn is_board(topic: &TopicName) -> bool {
    ACTIVITY.params(topic).is_some_and(|(board,)| is_board_number(board))
}

/// Whether there may be a board of this number.
#[must_use]
pub fn is_board_number(board: u32) -> bool {
    (1..=BOARDS_MAX).contains(&board)
}

/// The rule for titles; the error is for the writer.
///
/// # Errors
/// What is wrong, and what is allowed.
// The hub's rules are given what the topic holds, which is a `String`.
#[allow(clippy::ptr_arg, reason = "a rule takes the topic's payload")]
pub fn check_title(title: &String) -> Result<(), String> {
    check_line("title", title, TITLE_CHARS_MAX)
}

pub(crate) fn check_line(what: &str, text: &str, most: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err(format!("a {what} needs some text"))
    } else if chars > most {
        Err(format!("the {what} has {chars} characters, at most {most} are allowed"))
    } else if text.chars().any(char::is_control) {
        Err(format!("a {what} is one line of plain text, without control characters"))
    } else {
        Ok(())
    }
}

/// Most characters of a message.
pub const MESSAGE_CHARS_MAX: usize = 280;

/// How a node's process is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// Seconds since the process began.
    pub uptime_s: u64,
    /// Share of one core that the process used over the last second, in percent.
    pub cpu_percent: f32,
    /// Resident memory of the process, in bytes.
    pub memory_bytes: u64,
    /// Streams that are open on this node.
    pub streams: u64,
}

/// Most cards that a page may say it is writing.
pub const EDITING_MAX: usize = 16;

/// What a guest who is present says of itself: on a board, in a room, on the page of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Here {
    /// The guest's name.
    pub name: String,
    /// The guest's colour.
    pub colour: u8,
    /// Is writing a line.
    #[serde(default)]
    pub typing: bool,
    /// Has another tab in front.
    #[serde(default)]
    pub away: bool,
    /// The cards whose titles are being written, of a board: at most [`EDITING_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub editing: Vec<u32>,
    /// Which node serves the page.
    #[serde(default)]
    pub node: Option<NodeName>,
}

impl Here {
    /// The rule for what may be shown; the error is for who said it.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn check(self) -> Result<Self, String> {
        check_name(&self.name)?;
        if usize::from(self.colour) >= COLOURS.len() {
            return Err(format!("there are {} colours, from 0 on", COLOURS.len()));
        }
        if self.editing.len() > EDITING_MAX {
            return Err(format!("a page says of at most {EDITING_MAX} cards that it is writing them"));
        }
        Ok(self)
    }
}

/// What a visitor said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// One line of plain text, at most [`MESSAGE_CHARS_MAX`] characters.
    pub text: String,
}

impl Message {
    /// The rule for what may be published; the error is for the writer.
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        check_line("message", &self.text, MESSAGE_CHARS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_rules() {
        let check = |text: &str| Message { text: text.to_owned() }.check();
        assert_eq!(check("hello"), Ok(()));
        assert_eq!(check(&"é".repeat(MESSAGE_CHARS_MAX)), Ok(()));
        assert!(check(&"é".repeat(MESSAGE_CHARS_MAX + 1)).unwrap_err().contains("281"));
        assert!(check(" \t ").is_err());
        assert!(check("a\nb").is_err());
    }

    #[test]
    fn boards_and_cards_have_bounds() {
        let card = |board, card| {
            let fields = [
                is_card(TITLE.at(board, card).name().unwrap()),
                is_card(COLUMN.at(board, card).name().unwrap()),
                is_card(PLACE.at(board, card).name().unwrap()),
            ];
            assert!(fields == [fields[0]; 3]);
            fields[0]
        };
        assert!(card(1, 1) && card(BOARDS_MAX, CARDS_MAX));
        assert!(!card(0, 1) && !card(1, 0) && !card(BOARDS_MAX + 1, 1) && !card(1, CARDS_MAX + 1));
        assert!(is_board(ACTIVITY.at(7).name().unwrap()) && !is_board(ACTIVITY.at(BOARDS_MAX + 1).name().unwrap()));
        assert!(check_title(&"x".repeat(TITLE_CHARS_MAX + 1)).unwrap_err().contains("81"));
    }
}
