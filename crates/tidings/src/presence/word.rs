//! What nodes say to each other of presences.

use serde::{Deserialize, Serialize};
use tidings_wire::TopicName;

use super::{Id, Reference, State};
use crate::Payload;

/// A frame about presences. Each may be lost: what is missing is seen by the next head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// How far the sender's log of its own entries has come, and a digest of what is in it.
    Head { head: u64, digest: u64 },
    /// Asks for what changed above a place of the receiver's log, 0 for all that there is. `listing` is the head of the
    /// list that the sender has begun to read and not ended, or 0.
    Need { have: u64, listing: u64 },
    /// What changed.
    Changes(Changes),
}

/// The entries of the sender that changed last in `(from, to]`, each as it is now. From 0 on it is a list: what is not in
/// it, up to the sender's head, is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Changes {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// How far the sender's log had come by then.
    pub(crate) head: u64,
    /// Up to here the sender does not remember what has gone.
    pub(crate) floor: u64,
    /// In the order of their last change.
    pub(crate) changes: Vec<Change>,
}

/// One entry. The node that holds it is the frame's sender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    topic: TopicName,
    key: Box<str>,
    reference: [u8; 16],
    /// `None` once it has gone.
    state: Option<Told>,
}

/// [`State`] on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    version: u64,
    may_return: bool,
    is_fading: bool,
    meta: Box<str>,
}

impl Change {
    pub(crate) fn new(id: &Id, state: Option<&State>) -> Self {
        let told = |state: &State| {
            let State { version, may_return, is_fading, ref meta } = *state;
            Told { version, may_return, is_fading, meta: meta.as_str().into() }
        };
        let (topic, key, reference) = (id.topic.clone(), (&*id.key).into(), id.reference.to_bytes());
        Self { topic, key, reference, state: state.map(told) }
    }

    /// Bytes of its payload, for the size of a frame.
    pub(crate) fn bytes(&self) -> usize {
        self.topic.as_str().len() + self.key.len() + self.meta_bytes()
    }

    pub(crate) fn key_bytes(&self) -> usize {
        self.key.len()
    }

    pub(crate) fn meta_bytes(&self) -> usize {
        self.state.as_ref().map_or(0, |told| told.meta.len())
    }

    pub(crate) fn into_parts(self) -> (Id, Option<State>) {
        let state = |told: Told| {
            let Told { version, may_return, is_fading, meta } = told;
            State { version, may_return, is_fading, meta: Payload::trusted(&meta) }
        };
        let Self { topic, key, reference, state: told } = self;
        (Id { reference: Reference::from_bytes(reference), topic, key: key.into() }, told.map(state))
    }
}
