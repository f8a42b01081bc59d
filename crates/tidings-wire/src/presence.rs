//! Somebody who is present on a topic, as a page is told of it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An entry of a topic's list.
///
/// A key may stand in it many times, a person with three tabs for example. Key and id together name an entry, on every
/// node and for as long as its page lives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PresenceEntry {
    /// Who: a user's id, for example.
    pub key: Box<str>,
    /// Which of the key's entries. Made of the page's [`Reference`](crate::Reference), which it does not tell.
    pub id: Box<str>,
    /// What it says of itself.
    pub meta: Box<RawValue>,
    /// Its page or its node has gone a moment ago: it leaves unless it is back within the grace.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fading: bool,
    /// It is of the page that is told.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mine: bool,
}

impl PresenceEntry {
    /// What names it in its topic, and orders it there.
    #[must_use]
    pub fn place(&self) -> (&str, &str) {
        (&self.key, &self.id)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}
