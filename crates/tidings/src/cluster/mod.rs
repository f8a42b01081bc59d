//! The cluster, without IO: links, repair and membership of one node.
//!
//! It takes events and the time, and gives back frames to be sent; a carrier moves them. Lives
//! inside the node log and under its lock, so that a message is stamped, appended and entered for
//! its peers in one step.
//!
//! # How it stays whole
//! - A node sends each peer its own messages in stamp order, as ranges `(from, to]`. A range is
//!   applied only by a peer that has reached `from`: a hole is thus found before anything after it is
//!   applied, and a vector never steps over a loss.
//! - Every beat tells what the node has applied of every origin. Who sees that it lacks something
//!   asks for it: the origin itself while it is up, else whoever has the most of it. A lost frame, a
//!   late joiner, a healed partition and a dead origin are all this one case.
//! - Who is asked serves from its resend buffer, or walks its rings, merged in stamp order; topics
//!   of which something in the range is gone are named, and gapped at the receiver before the range
//!   is applied.

mod frame;
mod handle;
mod resend;
mod serve;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tidings_wire::{NodeName, OriginTag};

#[cfg(test)]
pub(crate) use frame::WireEntry;
pub(crate) use frame::{Data, Envelope, Frame};
pub(crate) use resend::Resend;

use crate::{
    entry::Entry,
    log::Now,
    plant::{Plant, planted},
};

/// How often a node tells what it has applied, in milliseconds. A loss at the end of a burst is found by it.
pub(crate) const BEAT_MS: u64 = 100;

/// How long a node waits for what it asked before it asks again, in milliseconds: the repair bound.
pub(crate) const REPAIR_MS: u64 = 250;

/// A frame to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Send {
    pub(crate) to: NodeName,
    pub(crate) frame: Frame,
}

/// What happened outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// The carrier found a node.
    Up(NodeName),
    /// The carrier has lost it.
    Down(NodeName),
    /// A frame came from a node.
    Received(Envelope),
    /// Time has passed.
    Tick,
}

/// Another node, as this one knows it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// From its first frame; another one is another start of it.
    pub(crate) origin: Option<OriginTag>,
    /// Of this node's stamps: what has been sent to it. `None` until it has told what it has.
    pub(crate) sent: Option<u64>,
    /// What it has told to have applied.
    pub(crate) applied: BTreeMap<OriginTag, u64>,
}

/// The cluster as one node sees it.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    /// Nodes that the carrier says are up.
    /// In an order: what a node does must not hang on a hash, or no seed could be replayed.
    pub(crate) peers: BTreeMap<NodeName, Peer>,
    pub(crate) resend: Resend,
    /// When the last beat went out.
    beat_ms: Option<u64>,
    /// Origin → until when not to ask for it again.
    asked_until_ms: HashMap<OriginTag, u64>,
}

impl Cluster {
    /// A node that knows nobody yet.
    pub(crate) fn new(resend: Resend) -> Self {
        Self { resend, ..Self::default() }
    }

    /// Enters a message of this node for its peers; [`flush`](crate::log::NodeLog::flush) sends it.
    pub(crate) fn published(&mut self, entry: &Arc<Entry>) {
        self.resend.push(entry.clone());
    }

    /// The up peer that is this origin.
    pub(crate) fn node_of(&self, origin: OriginTag) -> Option<&NodeName> {
        self.peers.iter().find(|(_, peer)| peer.origin == Some(origin)).map(|(node, _)| node)
    }

    /// Whether some peer is this origin, or has what it published up to a stamp.
    pub(crate) fn may_bring(&self, origin: OriginTag, stamp: u64) -> bool {
        let brings =
            |peer: &Peer| peer.origin == Some(origin) || peer.applied.get(&origin).is_some_and(|has| *has >= stamp);
        self.peers.values().any(brings)
    }

    /// Whether a beat is due; it counts as sent.
    pub(crate) fn beat_is_due(&mut self, now: Now) -> bool {
        let due = self.beat_ms.is_none_or(|last| last + BEAT_MS <= now.monotonic_ms);
        if due {
            self.beat_ms = Some(now.monotonic_ms);
        }
        due
    }

    /// Whom to ask for more of an origin than is here, if anybody has it and it was not asked just now.
    pub(crate) fn ask(&mut self, now: Now, origin: OriginTag, have: u64) -> Option<Send> {
        if self.asked_until_ms.get(&origin).is_some_and(|until| now.monotonic_ms < *until) {
            return None;
        }
        let has = |peer: &Peer| peer.applied.get(&origin).copied().unwrap_or(0);
        let itself = self.node_of(origin).cloned();
        let to = itself.or_else(|| {
            if planted(Plant::DeadIsNotPulled) {
                return None;
            }
            let has_more = self.peers.iter().filter(|(_, peer)| has(peer) > have);
            let best = has_more.max_by_key(|(node, peer)| (has(peer), (*node).clone()));
            best.map(|(node, _)| node.clone())
        })?;
        self.asked_until_ms.insert(origin, now.monotonic_ms + REPAIR_MS);
        Some(Send { to, frame: Frame::Need { origin: origin.into(), have } })
    }

    /// What was asked for has come: the next lack may be asked for at once.
    pub(crate) fn answered(&mut self, origin: OriginTag) {
        self.asked_until_ms.remove(&origin);
    }

    /// Origins of which some peer has more than `have` says.
    pub(crate) fn lacking(&self, have: impl Fn(OriginTag) -> u64) -> Vec<OriginTag> {
        let mut origins: Vec<_> = self
            .peers
            .values()
            .flat_map(|peer| &peer.applied)
            .filter(|(origin, stamp)| **stamp > have(**origin))
            .map(|(origin, _)| *origin)
            .collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}
