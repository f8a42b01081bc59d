//! The cluster, without IO: links, repair, interest and membership of one node.
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
//! - What is not of a peer's [interest](Interest) is left out of a range and decided by it all the same.

mod flush;
mod frame;
mod gaps;
mod handle;
mod hear;
mod interest;
mod journal;
mod member;
mod note;
mod origins;
mod peer;
mod replay;
mod resend;
mod serve;
mod stand_in;
mod sync;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use tidings_wire::{NodeName, OriginTag, TopicName};

pub(crate) use flush::Send;
pub use frame::FRAME_BYTES_MAX;
#[cfg(test)]
pub(crate) use frame::WireEntry;
#[cfg(any(test, fuzzing))]
pub(crate) use frame::seal;
pub(crate) use frame::{
    Beat, Data, Envelope, FRAME_ENTRIES_MAX, FRAME_PAYLOAD_BYTES, Frame, FrameError, Holds, Outgoing,
};
pub(crate) use interest::{Bucket, Interest, Needs};
pub use journal::JournalInfo;
pub(crate) use journal::{Batch, is_due};
pub(crate) use member::Members;
pub use member::{Member, MemberState};
pub(crate) use note::Note;
pub(crate) use origins::{Absent, Origins, Seen};
pub(crate) use peer::Peer;
use resend::Resend;

use crate::{
    Limits,
    entry::Entry,
    log::Now,
    plant::{Plant, planted},
};

/// How often a node tells what it has applied, in milliseconds. A loss at the end of a burst is found by it.
pub(crate) const BEAT_MS: u64 = 100;

/// How long a node waits for what it asked before it asks again, in milliseconds: the repair bound.
pub(crate) const REPAIR_MS: u64 = 250;

/// Messages for one node alone that wait to be sent: some milliseconds of a burst. Above that the sender is told.
pub(crate) const DIRECTS_MAX: usize = 1_024;

/// What happened outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// The carrier found a node.
    Up(NodeName),
    /// The carrier has lost it, and says why.
    Down(NodeName, String),
    /// A frame came from a node.
    Received(Envelope),
    /// Bytes came from a node that are no frame of this build.
    Unreadable(NodeName, FrameError),
    /// A frame came from the first node in the name of the second.
    Misnamed(NodeName, NodeName),
    /// Time has passed.
    Tick,
    /// Something was published, or a reader needs more than before.
    Flush,
    /// This node stops.
    Stop,
    /// An older node has this one's name: this one stops.
    Taken,
}

/// The cluster as one node sees it.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    /// Nodes that the carrier says are up.
    /// In an order: what a node does must not hang on a hash, or no seed could be replayed.
    pub(crate) peers: BTreeMap<NodeName, Peer>,
    /// Of each origin the most that a peer has told to have. Looked at in every tick, where all peers' lists together
    /// are a hundred times as long.
    most_told: BTreeMap<OriginTag, u64>,
    /// Nodes that are up and whose link has ended, because they left or were refused: this start of them is not heard.
    closed: BTreeMap<NodeName, Option<OriginTag>>,
    /// Frames that were dropped because they were none, or in another's name.
    pub(crate) refused: u64,
    /// Of these, those that were damaged on their way.
    pub(crate) damaged: u64,
    /// An older node has this one's name.
    pub(crate) taken: bool,
    /// All nodes that were ever seen, for people.
    pub(crate) members: Members,
    pub(crate) resend: Resend,
    /// How far the journal has come; `None` where there is none.
    pub(crate) journal: Option<JournalInfo>,
    /// Which Signal topics this node needs.
    pub(crate) needs: Needs,
    /// Which origins are alive, dead, retired.
    pub(crate) origins: Origins,
    /// Values that stand in for superseded ones, and that this node has not applied by their own stamp.
    pub(crate) standins: BTreeMap<TopicName, Arc<Entry>>,
    /// Peers are to be asked to tell when they have applied this node's messages up to here.
    confirm: Option<u64>,
    /// Messages for one node alone that were not sent yet.
    directs: Vec<(NodeName, Outgoing)>,
    /// Nodes that are told at the end of this event where this one stands.
    beat_to: BTreeSet<NodeName>,
    /// When the last beat went out to all.
    beat_ms: Option<u64>,
    /// Origin → until when not to ask for it again.
    asked_until_ms: HashMap<OriginTag, u64>,
}

impl Cluster {
    /// A node that knows nobody yet, and has published up to this stamp.
    pub(crate) fn new(limits: &Limits, head: u64) -> Self {
        let tombstone_ms = limits.tombstone_age_s * 1000;
        let resend = Resend::new(limits.resend_messages_max, limits.resend_bytes_max, tombstone_ms, head);
        Self { resend, ..Self::default() }
    }

    /// The carrier reaches a node, or another start of it speaks.
    fn open(&mut self, node: &NodeName, now: Now) -> bool {
        self.closed.remove(node);
        if self.peers.insert(node.clone(), Peer::default()).is_some() {
            self.look_what_is_told();
        }
        self.beat_to.insert(node.clone());
        self.members.set(node, MemberState::Up, None, now.wall_ms)
    }

    /// Ends the link to a node that the carrier still reaches.
    fn close(&mut self, node: &NodeName) -> Option<Peer> {
        let peer = self.peers.remove(node);
        if peer.is_some() {
            self.look_what_is_told();
        }
        self.beat_to.remove(node);
        self.closed.insert(node.clone(), peer.as_ref().and_then(|peer| peer.origin));
        peer
    }

    /// Whether a frame of this start of a node is of one whose link has ended.
    fn is_closed(&self, node: &NodeName, origin: OriginTag) -> bool {
        self.closed.get(node) == Some(&Some(origin))
    }

    /// Counts a frame that is dropped. Of many, few are told: who sends them must not fill the log.
    fn refuse(&mut self, from: &NodeName, reason: &dyn std::fmt::Display) {
        self.refused += 1;
        if self.refused.is_power_of_two() {
            tracing::warn!(%from, %reason, refused = self.refused, "a frame is dropped");
        }
    }

    /// Enters a message of this node for its peers; a flush sends it.
    pub(crate) fn published(&mut self, entry: &Arc<Entry>) {
        self.resend.push(entry.clone());
    }

    /// Enters a message for one node alone; says whether there was room.
    pub(crate) fn direct(&mut self, to: NodeName, entry: Arc<Entry>) -> bool {
        let room = self.directs.len() < DIRECTS_MAX;
        if room {
            self.directs.push((to, entry.into()));
        }
        room
    }

    /// All peers are told at the end of this event, or at the next one, where this node stands.
    pub(crate) fn beat_all(&mut self) {
        self.beat_to.extend(self.peers.keys().cloned());
    }

    /// The origins of all peers.
    pub(crate) fn origins_up(&self) -> BTreeSet<OriginTag> {
        self.peers.values().filter_map(|peer| peer.origin).collect()
    }

    /// The up peer that is this origin.
    pub(crate) fn node_of(&self, origin: OriginTag) -> Option<&NodeName> {
        self.peers.iter().find(|(_, peer)| peer.origin == Some(origin)).map(|(node, _)| node)
    }

    /// Whether some peer is this origin, or has what it published up to a stamp.
    pub(crate) fn may_bring(&self, origin: OriginTag, stamp: u64) -> bool {
        self.peers.values().any(|peer| peer.origin == Some(origin) || peer.has(origin) >= stamp)
    }

    /// Whether this node has what its peers have told to have, and all of them have told.
    pub(crate) fn has_caught_up(&self, me: OriginTag, has: impl Fn(OriginTag) -> u64) -> bool {
        let told = self.peers.values().all(|peer| peer.interest.is_some());
        told && self.lacking(me, has).is_empty()
    }

    /// Asks peers to tell as soon as they have applied this node's messages up to a stamp.
    pub(crate) fn ask_to_confirm(&mut self, stamp: u64) {
        self.confirm = Some(stamp.max(self.confirm.unwrap_or(0)));
    }

    /// How many peers have told that they applied what an origin published up to a stamp.
    pub(crate) fn confirmed(&self, origin: OriginTag, stamp: u64) -> usize {
        self.peers.values().filter(|peer| peer.has(origin) >= stamp).count()
    }

    /// Whether every peer sends this node all of a bucket, and this node has applied what came before that.
    pub(crate) fn stands(&self, bucket: Bucket, has: impl Fn(OriginTag) -> u64) -> bool {
        self.silent(bucket, has).next().is_none()
    }

    /// The peers of whom that is not so yet.
    pub(crate) fn silent(&self, bucket: Bucket, has: impl Fn(OriginTag) -> u64) -> impl Iterator<Item = &NodeName> {
        let stands = move |peer: &Peer| {
            let floor = peer.origin.and_then(|origin| Some((origin, self.needs.floor(bucket, origin)?)));
            floor.is_some_and(|(origin, floor)| has(origin) >= floor)
        };
        self.peers.iter().filter(move |(_, peer)| !stands(peer)).map(|(node, _)| node)
    }

    /// Whether a beat is due; it counts as sent.
    fn beat_is_due(&mut self, now: Now) -> bool {
        let due = self.beat_ms.is_none_or(|last| last + BEAT_MS <= now.monotonic_ms);
        if due {
            self.beat_ms = Some(now.monotonic_ms);
        }
        due
    }

    /// Whom to ask for more of an origin than is here, if anybody has it and it was not asked just now.
    fn ask(&mut self, now: Now, origin: OriginTag, have: u64) -> Option<Send> {
        if self.asked_until_ms.get(&origin).is_some_and(|until| now.monotonic_ms < *until) {
            return None;
        }
        let itself = self.node_of(origin).cloned();
        let to = itself.or_else(|| {
            if planted(Plant::DeadIsNotPulled) {
                return None;
            }
            let has_more = self.peers.iter().filter(|(_, peer)| peer.has(origin) > have);
            let best = has_more.max_by_key(|(node, peer)| (peer.has(origin), (*node).clone()));
            best.map(|(node, _)| node.clone())
        })?;
        self.asked_until_ms.insert(origin, now.monotonic_ms + REPAIR_MS);
        Some(Send::one(to, Frame::Need { origin: origin.into(), have }))
    }

    /// What was asked for has come: the next lack may be asked for at once.
    fn answered(&mut self, origin: OriginTag) {
        self.asked_until_ms.remove(&origin);
    }

    /// Other origins of which some peer has more than this node.
    fn lacking(&self, me: OriginTag, has: impl Fn(OriginTag) -> u64) -> BTreeSet<OriginTag> {
        let more = self.most_told.iter().filter(|(origin, stamp)| **origin != me && **stamp > has(**origin));
        more.map(|(origin, _)| *origin).collect()
    }

    /// A peer has gone, and what only it had cannot be asked for.
    fn look_what_is_told(&mut self) {
        self.most_told.clear();
        for (origin, stamp) in self.peers.values().flat_map(|peer| &peer.applied) {
            raise(&mut self.most_told, *origin, *stamp);
        }
    }
}

/// Raises an origin's stamp, never lowers it.
fn raise(stamps: &mut BTreeMap<OriginTag, u64>, origin: OriginTag, stamp: u64) {
    let has = stamps.entry(origin).or_default();
    *has = stamp.max(*has);
}
