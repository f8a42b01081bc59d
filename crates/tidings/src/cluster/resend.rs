//! What this node published last, kept so that a peer that missed it is served without a walk over all rings.

use std::{collections::VecDeque, sync::Arc};

use crate::entry::Entry;

/// Messages kept: at 10,000 a second, the repair bound of 250 ms many times over.
const MESSAGES_MAX: usize = 16_384;

/// Bytes of payload kept. The bytes are shared with the rings as long as those hold them too.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The last stamped messages of this node, without a hole.
#[derive(Debug, Default)]
pub(crate) struct Resend {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
    /// Stamp of the newest message that was let go.
    base: u64,
    /// Fewer messages for tests, so that a peer falls behind it soon.
    messages_max: Option<usize>,
}

impl Resend {
    pub(crate) fn with_messages_max(messages_max: usize) -> Self {
        Self { messages_max: Some(messages_max), ..Self::default() }
    }

    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        let most = self.messages_max.unwrap_or(MESSAGES_MAX);
        while self.entries.len() > most || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.bytes();
            self.base = oldest.stamp;
        }
    }

    /// The messages above a stamp; `None` where some of them are gone.
    pub(crate) fn above(&self, stamp: u64) -> Option<impl Iterator<Item = &Arc<Entry>>> {
        (stamp >= self.base).then(|| {
            let from = self.entries.partition_point(|entry| entry.stamp <= stamp);
            self.entries.range(from..)
        })
    }
}
