//! What a node tells of the others.

use serde::{Deserialize, Serialize};
use tidings_wire::NodeName;

/// What a node sees of its cluster, as it tells it once a second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sees {
    /// The start of the node that tells it.
    pub epoch: u64,
    /// Milliseconds since it told this before: what the counts below are counts of. 0 the first time, when nothing has
    /// been counted.
    pub over_ms: u64,
    /// Messages that it applied meanwhile, its own and those of others.
    pub applied: u64,
    /// Messages that it handed to its readers meanwhile.
    pub delivered: u64,
    /// Every other node that it has seen since it began, by name.
    pub others: Vec<Seen>,
    /// Faults that were made on its links on purpose.
    pub troubles: Vec<Trouble>,
}

impl Sees {
    /// A count of this telling as a rate a second; `None` where nothing has been counted.
    #[must_use]
    pub fn per_s(&self, count: u64) -> Option<f64> {
        (self.over_ms > 0).then(|| count as f64 * 1000.0 / self.over_ms as f64)
    }

    /// What it sees of one node.
    #[must_use]
    pub fn of(&self, node: &NodeName) -> Option<&Seen> {
        self.others.iter().find(|seen| seen.node == *node)
    }
}

/// One node, as another one sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Which node.
    pub node: NodeName,
    /// The start of it that was heard last.
    pub epoch: Option<u64>,
    /// How it fares.
    pub fare: Fare,
    /// Why it is down or incompatible, for people.
    pub reason: Option<String>,
    /// Since when, in milliseconds since the Unix epoch by the clock of the node that sees it.
    pub since_ms: u64,
    /// Milliseconds from a question to that node's actor to its answer; `None` where there was no answer.
    pub round_trip_ms: Option<f32>,
    /// Messages that were sent to it since the telling before: those that travel, and not those that nobody there reads.
    pub sent: u64,
}

/// How a node fares, in the eyes of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fare {
    /// It is reached.
    Up,
    /// It was lost.
    Down,
    /// It said that it stops.
    Left,
    /// It speaks another version, or sent what was refused.
    Incompatible,
}

impl Fare {
    /// The word for people, and for the page's style.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Incompatible => "incompatible",
        }
    }
}

/// A fault that was made on purpose on the link to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The other end of the link.
    pub node: NodeName,
    /// Nothing passes.
    pub cut: bool,
    /// What comes from there is held back for so many milliseconds.
    pub delay_ms: u64,
    /// In how many milliseconds it ends by itself.
    pub left_ms: u64,
}
