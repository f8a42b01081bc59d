//! The requests of a page: opening its stream, and changing what it holds.
//!
//! Both are POSTs with a JSON body under the library's prefix. [`Open`] is answered by the stream
//! itself; [`Change`] by `202`, and its results arrive on the stream as
//! [`Joined`](crate::event::Joined).

use serde::{Deserialize, Serialize};

use crate::Pattern;

/// Most topics a page holds at once: a board of a thousand cards with four fields each. What is above is refused, the
/// rest is live.
pub const PAGE_TOPICS_MAX: usize = 4096;

/// Path of [`Open`] below the library's prefix.
pub const OPEN_PATH: &str = "/live";

/// Path of [`Change`] below the library's prefix.
pub const CHANGE_PATH: &str = "/change";

/// The library's prefix, unless the app chose another.
pub const DEFAULT_PREFIX: &str = "/_tidings";

/// Opens a page's stream, for the first time or again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Open {
    /// The page's [`WIRE_VERSION`](crate::WIRE_VERSION).
    pub wire: u16,
    /// Number of this call; calls of a page count up over all its streams.
    pub call: u64,
    /// The page id of an earlier stream of this page, so that the server can end that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// All topics and patterns that the page holds.
    pub hold: Vec<Hold>,
}

/// Changes what an open stream carries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Change {
    /// From the stream's [`Hello`](crate::event::Hello).
    pub page: String,
    /// Number of this call. A topic keeps the newest call that named it, so calls may overtake each other.
    pub call: u64,
    /// Topics and patterns to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<Hold>,
    /// Topics and patterns to let go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release: Vec<Pattern>,
}

/// One topic, or all of a pattern, that a page wants, and from where on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    /// Which one.
    pub topic: Pattern,
    /// The cursor after which the page wants messages: what it was painted with or received last.
    /// Text, because a page passes on what it was given; a malformed one leads to a gap and a
    /// snapshot, not to an error. Without it the topic begins with what is retained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Without a cursor: how many retained messages of an Events topic to begin with; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
}
