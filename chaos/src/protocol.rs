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
    /// Leave in order, and end.
    Leave,
}

/// From a node, on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It takes part, as this start of it.
    Ready { epoch: u64 },
    /// Its reader was handed a message.
    Heard { topic: String, number: u64 },
    /// Its reader was told a gap, of a topic or of a pattern.
    Gap { topic: String, cause: String },
    /// Another node fares differently.
    Member { node: String, state: String, epoch: Option<u64> },
    /// An older node has its name: it has left the cluster.
    Taken,
    /// It published the message that it was asked for.
    Marked { number: u64 },
    /// Where it stands.
    Stands(Standing),
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
    /// Frames that it dropped because they were none.
    pub frames_refused: u64,
    /// Of these, those that the carrier had damaged.
    pub frames_damaged: u64,
}
