//! First paint: how a component reads the hub while the server renders, without knowing the hub.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Cursor, Pattern, PresenceEntry, TopicName, Version};

/// How much of a topic a component wants to paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The newest value of a State topic.
    Newest,
    /// The last so many messages of an Events topic.
    Last(usize),
}

/// What was painted: it travels in the page, and the browser goes on from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Painted {
    /// Which topic or pattern: hydration compares it, for a mismatch must count as "unknown".
    pub topic: Pattern,
    /// Where the node's log was when it was read.
    pub cursor: Cursor,
    /// The node's clock when it was read, in milliseconds since the Unix epoch: ages count from here, so that a
    /// visitor's clock that is wrong does not show.
    pub now_ms: u64,
    /// Oldest first; none is a topic without a value.
    pub items: Vec<PaintedItem>,
}

/// One retained value or message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaintedItem {
    /// Which topic, where a pattern was painted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicName>,
    /// Which value it is.
    pub version: Version,
    /// Its number among all that its origin publishes: a component that is taken over later, and was painted later, has
    /// it already if its own cursor covers this.
    #[serde(default)]
    pub stamp: u64,
    /// The payload, as JSON.
    pub data: Box<RawValue>,
}

/// Who was present when the page was painted. Outside of the cursor: the stream begins with a list of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaintedPresent {
    /// On which topic: hydration compares it.
    pub topic: TopicName,
    /// By key and id.
    pub entries: Vec<PresenceEntry>,
}

/// The server's side of first paint, held in context while it renders.
///
/// Implemented over a hub and the request's principal by `tidings-axum`; hooks ask for it and do
/// not know the hub.
pub trait Paint: Send + Sync {
    /// Names the build of the app that renders: it travels in the page, which offers to reload when its stream comes
    /// from another one.
    fn build(&self) -> String;

    /// What a topic holds now; `None` where the reader may not read it, or there is no such topic.
    fn paint(&self, topic: &TopicName, want: Want) -> Option<Painted>;

    /// The values of all State topics of a pattern that the reader may read, under one cursor; topics without a value
    /// are left out.
    fn paint_all(&self, pattern: &Pattern) -> Option<Painted>;

    /// Who is present on a topic; `None` where the reader may not see that.
    fn paint_present(&self, topic: &TopicName) -> Option<PaintedPresent>;
}

/// A [`Paint`] as it is held in context.
pub type SharedPaint = Arc<dyn Paint>;
