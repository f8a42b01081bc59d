//! Why a presence was refused.

use thiserror::Error;
use tidings_wire::{NameError, TopicName};

/// Why somebody was not tracked, or not updated. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// The topic's name is not valid.
    #[error("invalid topic name: {0}")]
    Name(#[from] NameError),
    /// This reference is present there already, by a handle that is still held.
    #[error("{key} is tracked on {topic} already under this reference: update it, or take it over")]
    AlreadyTracked {
        /// The topic.
        topic: TopicName,
        /// The key.
        key: Box<str>,
    },
    /// What was to be updated has been untracked, or taken over by another handle.
    #[error("{key} is not present on {topic} under this reference any more")]
    NotPresent {
        /// The topic.
        topic: TopicName,
        /// The key.
        key: Box<str>,
    },
    /// A key longer than [`Limits::id_bytes_max`](crate::Limits).
    #[error("the key has {bytes} bytes, at most {max} are allowed: use a shorter one, or raise `id_bytes_max`")]
    KeyTooLong {
        /// Bytes of the key.
        bytes: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// A meta longer than [`Limits::presence_meta_bytes_max`](crate::Limits).
    #[error(
        "the meta has {bytes} bytes, at most {max} are allowed: say what a list shows, keep the rest in a store, or \
         raise `presence_meta_bytes_max`"
    )]
    MetaTooLarge {
        /// Bytes of the meta.
        bytes: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// [`Limits::page_presences_max`](crate::Limits) is reached.
    #[error(
        "this reference is present {max} times and may not be more often: untrack some, or raise `page_presences_max`"
    )]
    TooManyOfPage {
        /// Entries that are allowed.
        max: usize,
    },
    /// [`Limits::topic_presences_max`](crate::Limits) is reached.
    #[error("{topic} has {max} entries and takes no more: split it into several, or raise `topic_presences_max`")]
    TooManyOfTopic {
        /// The topic.
        topic: TopicName,
        /// Entries that are allowed.
        max: usize,
    },
    /// [`Limits::presences_max`](crate::Limits) is reached.
    #[error("the node knows of {max} entries and takes no more: raise `presences_max`")]
    TooMany {
        /// Entries that are allowed.
        max: usize,
    },
    /// The system gave no random bytes to make a reference of.
    #[error("the system gave no random bytes for a reference")]
    Randomness,
}
