//! A journal: what nodes published, kept for longer than any of them lives.
//!
//! To the hub it is a peer that never dies. What a node publishes on State and Events topics is written there after it is
//! published, by a task beside the log; a node that begins reads all of it, as it would be served by another node that
//! has everything but Signals. A journal that lags or fails slows no publish.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;
use tidings_wire::{OriginTag, TopicName};

use super::BoxFuture;

/// Keeps records. What is in them is the hub's matter.
pub trait Journal: fmt::Debug + Send + Sync + 'static {
    /// Reads all that is kept. `None` where nothing was written since the last call.
    fn read(&self) -> BoxFuture<'_, Result<Option<Kept>, JournalError>>;

    /// Writes records, in this order. `Ok` once every one is kept; after an error some may be, and the hub writes all of
    /// them again.
    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Reads the marks of one origin.
    fn marks(&self, origin: OriginTag) -> BoxFuture<'_, Result<Vec<Bytes>, JournalError>>;

    /// Lets go of what these origins last wrote on these topics, whoever wrote it down: others have written over it, and
    /// they write no more.
    fn forget(&self, values: Vec<(OriginTag, TopicName)>) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The longest record that it takes, in bytes.
    fn record_bytes_max(&self) -> BoxFuture<'_, Result<usize, JournalError>>;
}

/// A record, and where it belongs.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it belongs.
    pub shelf: Shelf,
    /// What it says.
    pub bytes: Bytes,
}

/// Where a record belongs. Every journal has a place for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// What an origin last wrote on a State topic: the next record of the shelf takes its place. Let go of
    /// only when it is told to be [forgotten](Journal::forget).
    Value {
        /// Whose it is.
        origin: OriginTag,
        /// Who writes it down: the origin itself, or who outlived it.
        writer: OriginTag,
        /// The topic.
        topic: TopicName,
    },
    /// A topic's messages, of all origins. Holds a number of records, and lets go of the oldest.
    History {
        /// The topic.
        topic: TopicName,
        /// Whose message it is. What is the same in all of this and was written a moment ago need not be written again.
        origin: OriginTag,
        /// Who writes it down.
        writer: OriginTag,
        /// Its stamp.
        stamp: u64,
    },
    /// How far an origin's messages are written: the next record of the shelf takes its place.
    Mark {
        /// Whose.
        origin: OriginTag,
        /// Who says so.
        writer: OriginTag,
    },
    /// Which State topics a node had: the next record of the shelf takes its place.
    Holds {
        /// Who says so.
        writer: OriginTag,
    },
}

/// All that a journal keeps.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Records of every shelf but histories, in the order in which they were written.
    pub records: Vec<Bytes>,
    /// Records of histories with ascending numbers, in the order in which they were written.
    pub history: Vec<(u64, Bytes)>,
    /// How many records the history of a topic holds: one that has as many may have let go of others.
    pub history_max: usize,
    /// Something that was kept is gone, beside what histories let go of: a disk was lost, or somebody has deleted.
    pub is_torn: bool,
}

/// Why a journal did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It has no room. What it keeps stays.
    #[error("the journal is full: {0}")]
    Full(String),
    /// What was written is not there any more: everything has to be written again.
    #[error("the journal has lost what it had: {0}")]
    Gone(String),
    /// Its own reason.
    #[error("{0}")]
    Other(String),
}
