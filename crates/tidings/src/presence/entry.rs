//! Entries: who is where, and what they say of themselves.

use std::sync::Arc;

use tidings_wire::{OriginTag, TopicName};

use super::Reference;
use crate::Payload;

/// Somebody who is present on a topic.
///
/// A key may be present many times, a person with three tabs for example: each has its own reference and meta.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presence {
    /// Who: a user's id, for example.
    pub key: Arc<str>,
    /// Which of the key's entries.
    pub reference: Reference,
    /// What it says of itself.
    pub meta: Payload,
    /// Its page or its node has gone a moment ago: it leaves unless it is back within the grace.
    pub is_fading: bool,
}

/// Which entry. Ordered by the reference first: all entries of a page lie together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) reference: Reference,
    pub(crate) topic: TopicName,
    pub(crate) key: Arc<str>,
}

/// What a node says of an entry of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// The newer one of two that are held under one reference is shown.
    pub(crate) version: u64,
    /// Somebody outside knows the reference, and may come back with it.
    pub(crate) may_return: bool,
    /// Its handle is gone, its grace is not over.
    pub(crate) is_fading: bool,
    pub(crate) meta: Payload,
}

/// What one node says of an entry, as this node knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hold {
    pub(crate) origin: OriginTag,
    pub(crate) state: State,
    /// The node that said so cannot be reached, or has ended.
    pub(crate) is_orphan: bool,
}

impl Hold {
    pub(crate) fn is_fading(&self) -> bool {
        self.state.is_fading || self.is_orphan
    }

    /// Which of several is shown: what is held over what fades, then the newer.
    pub(crate) fn rank(&self) -> (bool, u64, OriginTag) {
        (!self.is_fading(), self.state.version, self.origin)
    }
}

/// FNV-1a, 64 bits: the same in every build, for nodes compare it.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    fn add(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(bytes.iter().fold(self.0, step))
    }
}

/// An entry with its state in one number. The digest of many is the exclusive or of theirs, in any order.
pub(crate) fn digest(id: &Id, state: &State) -> u64 {
    let flags = u8::from(state.may_return) | u8::from(state.is_fading) << 1;
    let hash = Fnv(0xcbf2_9ce4_8422_2325).add(&id.reference.to_bytes()).add(id.topic.as_str().as_bytes());
    hash.add(b"\0").add(id.key.as_bytes()).add(&[0, flags]).add(&state.version.to_be_bytes()).0
}
