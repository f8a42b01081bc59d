//! The publish ids of a topic's last messages: a retry is answered with what the first try came to.

use std::collections::VecDeque;

use crate::{entry::Entry, publish::Published};

/// Ids that a topic remembers. A writer tries again within a minute or two, and each of its writes on a topic waits for
/// the one before: 64 writers may be at it at once.
const IDS_MAX: usize = 64;

/// The last publish ids of one topic, and what was published under them. Empty, and without memory, where nobody gives
/// any.
#[derive(Debug, Default)]
pub(crate) struct Ids(VecDeque<(Box<str>, Published)>);

impl Ids {
    /// What was published under an id, if it is among the last.
    pub(crate) fn published(&self, id: &str) -> Option<Published> {
        self.0.iter().rev().find(|(known, _)| &**known == id).map(|(_, published)| published.clone())
    }

    /// Remembers an entry that has an id, of this node or of another.
    pub(crate) fn note(&mut self, entry: &Entry) {
        let Some(id) = &entry.id else { return };
        if self.0.len() == IDS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((id.clone(), Published::of(entry)));
    }
}
