//! The topics of the app: declared once, for server and browser.

use serde::{Deserialize, Serialize};
use tidings_wire::{Events, NodeName, State, topics};

topics! {
    /// How a node's process is doing, once a second.
    pub VITALS(node: NodeName): State<Vitals> = "node/{node}/vitals";
    /// A number owned by one actor of a node.
    pub COUNTER(node: NodeName): State<u64> = "node/{node}/counter";
    /// What visitors said.
    pub MESSAGES: Events<Message> = "demo/messages" keep 200, "1d";
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
        let chars = self.text.chars().count();
        if self.text.trim().is_empty() {
            Err("a message needs some text".to_owned())
        } else if chars > MESSAGE_CHARS_MAX {
            Err(format!("the message has {chars} characters, at most {MESSAGE_CHARS_MAX} are allowed"))
        } else if self.text.chars().any(char::is_control) {
            Err("a message is one line of plain text, without control characters".to_owned())
        } else {
            Ok(())
        }
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
}
