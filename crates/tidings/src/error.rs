//! What can go wrong, and what to do about it.

use thiserror::Error;
use tidings_wire::{NameError, NodeName, TopicKind, TopicName};

/// A payload that is no JSON, or has no JSON form.
#[derive(Debug, Error)]
#[error("the payload is not JSON: {0}")]
pub struct PayloadError(#[from] serde_json::Error);

/// Why a publish was refused. Nothing was stamped, kept or sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic's name is not valid.
    #[error("invalid topic name: {0}")]
    Name(#[from] NameError),
    /// The payload is no JSON.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Longer than [`Limits::payload_bytes_max`](crate::Limits).
    #[error(
        "the payload has {bytes} bytes, at most {max} are allowed: keep large things in a store and publish their \
         address, or raise `payload_bytes_max`"
    )]
    TooLarge {
        /// Bytes of the payload.
        bytes: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// A publish id or sender id longer than [`Limits::id_bytes_max`](crate::Limits).
    #[error("the {what} has {bytes} bytes, at most {max} are allowed: use a shorter one, or raise `id_bytes_max`")]
    IdTooLong {
        /// Which of the two: `publish id` or `sender id`.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// [`Limits::topics_max`](crate::Limits) is reached, and the topic is new.
    #[error("the node holds {max} topics and takes no new one: forget some, or raise `topics_max`")]
    TooManyTopics {
        /// Topics that are allowed.
        max: usize,
    },
    /// [`Limits::bytes_max`](crate::Limits) is spent by what is never let go of: the values of State topics.
    #[error(
        "no room for {bytes} bytes: State topics hold {state} of the {max} that the node may hold in all, and are \
         never let go of. Clear some, or raise `bytes_max`"
    )]
    NoRoom {
        /// Bytes that the message counts.
        bytes: usize,
        /// Bytes that State topics hold.
        state: usize,
        /// Bytes that are allowed in all.
        max: usize,
    },
    /// [`direct_broadcast`](crate::Hub::direct_broadcast) to a node that is not up.
    #[error("no node named {node} is up")]
    UnknownNode {
        /// The node.
        node: NodeName,
    },
    /// Too many direct messages wait to be sent.
    #[error("{max} direct messages wait to be sent already: try again when they are")]
    Busy {
        /// Messages that may wait.
        max: usize,
    },
    /// The topic does not have the kind that this call needs.
    #[error("{topic} is of kind {kind}: {fix}")]
    Kind {
        /// The topic.
        topic: TopicName,
        /// Its kind.
        kind: TopicKind,
        /// What to do.
        fix: &'static str,
    },
}

/// Why a write from outside was refused. Nothing was stamped, kept or sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Not declared, or this principal may not write it: which of the two is not told.
    #[error("{topic} cannot be written by you: it is not declared, or closed to you")]
    Forbidden {
        /// The topic.
        topic: TopicName,
    },
    /// The body is no JSON.
    #[error("the payload is not JSON: {fault}")]
    Json {
        /// What the decoder found, and where.
        fault: String,
    },
    /// The payload does not have the topic's shape.
    #[error("the payload does not fit {topic}: {fault}")]
    Shape {
        /// The topic.
        topic: TopicName,
        /// What the decoder found.
        fault: String,
    },
    /// The topic's own rule refused it; the text is for who wrote it.
    #[error("{fault}")]
    Invalid {
        /// The topic.
        topic: TopicName,
        /// The rule's words.
        fault: String,
    },
    /// It was fine, and could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Why a reader could not be made or could not take a topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The topic's name is not valid.
    #[error("invalid topic name: {0}")]
    Name(#[from] NameError),
    /// [`Limits::readers_max`](crate::Limits) is reached.
    #[error("the node has {max} readers and takes no more: raise `readers_max`, or add a node")]
    TooManyReaders {
        /// Readers that are allowed.
        max: usize,
    },
    /// [`Limits::reader_topics_max`](crate::Limits) is reached.
    #[error(
        "this reader holds at most {max} topics, patterns counted out: let some go, use a second reader, or raise \
         `reader_topics_max`"
    )]
    TooManyOfReader {
        /// Topics that are allowed.
        max: usize,
    },
    /// [`Limits::topics_max`](crate::Limits) is reached, and the topic is new.
    #[error("the node holds {max} topics and takes no new one: forget some, or raise `topics_max`")]
    TooManyTopics {
        /// Topics that are allowed.
        max: usize,
    },
    /// [`Limits::reader_patterns_max`](crate::Limits) is reached.
    #[error("this reader holds {max} patterns and takes no more: let some go, or use a second reader")]
    TooManyPatterns {
        /// Patterns that are allowed.
        max: usize,
    },
}

/// A message is published, and not confirmed by as many peers as were wanted, within the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("published, unconfirmed: {confirmed} of {wanted} peers have said in time that they have it")]
pub struct Unconfirmed {
    /// Peers that have applied it.
    pub confirmed: usize,
    /// Peers that were wanted.
    pub wanted: usize,
}
