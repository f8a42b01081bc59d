//! What the runner says to a node's process, and what it hears: a line of JSON each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// To a node, on its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Publish so many messages a second from here on; 0 for none.
    Load(u32),
    /// Publish one message, and say its number.
    Mark,
    /// Say where you stand.
    Stand(u64),
    /// Listen to a topic, as a reader of this number.
    Listen { reader: u32, topic: String, after: Option<String>, excluding: Option<String> },
    /// Publish this number on a topic.
    Say { topic: String, number: u64, how: How },
    /// Say the log's cursor.
    Cursor,
    /// Leave in order, and end.
    Leave,
}

/// How a number is published.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// To all.
    Broadcast,
    /// To all but this sender's readers.
    From(String),
    /// On the publisher's node.
    Local,
    /// On one other node.
    Direct(String),
}

/// From a node, on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It takes part, as this start of it.
    Ready { epoch: u64 },
    /// Its reader was handed a message, so long after it was published.
    Heard { topic: String, number: u64, after_us: u64 },
    /// Its reader was told a gap, of a topic or of a pattern.
    Gap { topic: String, cause: String },
    /// Another node fares differently, since then.
    Member { node: String, state: String, epoch: Option<u64>, since_ms: u64 },
    /// An older node has its name: it has left the cluster.
    Taken,
    /// It published the message that it was asked for.
    Marked { number: u64 },
    /// Where it stands.
    Stands(Standing),
    /// The reader of this number hears whatever is published from here on.
    Listening { reader: u32 },
    /// The reader was handed this number.
    Read { reader: u32, number: u64 },
    /// The reader was told a gap.
    ReadGap { reader: u32, cause: String },
    /// What came of publishing: nothing, or an error.
    Said { error: Option<String> },
    /// The log's cursor.
    Cursor(String),
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The number of the order that asked.
    pub asked: u64,
    /// Whether it has all that its peers have told to have.
    pub caught_up: bool,
    /// The nodes that it sees up, by name.
    pub up: Vec<String>,
    /// The State topics that have a value.
    pub values: BTreeMap<String, u64>,
    /// Its messages that are not in the journal yet; none where there is no journal.
    pub unwritten: u64,
    /// Frames that it dropped because they were none.
    pub frames_refused: u64,
    /// Of these, those that the carrier had damaged.
    pub frames_damaged: u64,
}
