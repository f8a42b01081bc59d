//! Another node, as this one knows it.

use std::collections::BTreeMap;

use tidings_wire::OriginTag;

use super::Interest;

/// A node that the carrier says is up.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// From its first frame; another one is another start of it.
    pub(crate) origin: Option<OriginTag>,
    /// Of this node's stamps: what has been sent to it. `None` until it has told what it has.
    pub(crate) sent: Option<u64>,
    /// Messages of this node that it was sent since its link began, what was sent again included.
    pub(crate) messages_sent: u64,
    /// Messages of this node that it was not sent, for it has no reader of them.
    pub(crate) messages_spared: u64,
    /// What it has told to have applied.
    pub(crate) applied: BTreeMap<OriginTag, u64>,
    /// Which Signal topics it needs. `None` until it has told: it is sent nothing before, for a range decides what it
    /// leaves out.
    pub(crate) interest: Option<Interest>,
    /// Above this stamp of this node's, nothing of that interest is left out.
    pub(crate) filtered_from: u64,
    /// The version of this node's interest by which it filters; `None` until it has said so.
    pub(crate) heard: Option<u64>,
    /// It wants to be told when its messages up to this stamp are applied here.
    pub(crate) confirm: Option<u64>,
    /// The vector at which it last listed the State topics that it holds.
    pub(crate) listed: BTreeMap<OriginTag, u64>,
    /// When it was last told of the origins that are retired here.
    pub(crate) told_retired_ms: Option<u64>,
}

impl Peer {
    /// What it has of an origin, as far as it has told.
    pub(crate) fn has(&self, origin: OriginTag) -> u64 {
        self.applied.get(&origin).copied().unwrap_or(0)
    }
}
