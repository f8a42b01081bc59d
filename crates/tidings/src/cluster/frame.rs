//! What nodes say to each other.
//!
//! One frame is one [`Frame`], in [postcard](https://postcard.jamesmunns.com/wire-format)'s encoding, behind a head
//! that never changes: magic byte, wire version, checksum, and the sender. The checksum is CRC-32 of all that follows it,
//! little-endian. A carrier is not believed: one was seen to deliver a large frame put together of wrong pieces.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;
use tidings_wire::{NodeName, OriginTag, TopicName, Version};

use super::Interest;
use crate::{Payload, entry::Entry, presence::Word};

/// First byte of every frame: what is not ours is told apart before anything is decoded.
const MAGIC: u8 = 0xB7;

/// Version of the frames. A node steps over frames of another one, and says so.
pub(crate) const FRAME_VERSION: u8 = 1;

/// Where the checksum of a frame ends, and what it covers begins.
const HEAD_BYTES: usize = 6;

/// Kinds of frames: the variants of [`Frame`], whose encoding begins with their number.
const KINDS: u8 = 8;

/// Bytes of a frame: four of the largest messages, so that a full frame never has to be cut inside one.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024 + 64 * 1024;

/// Entries of one data frame.
pub(crate) const FRAME_ENTRIES_MAX: usize = 512;

/// Payload bytes after which a data frame takes no further entry.
pub(crate) const FRAME_PAYLOAD_BYTES: usize = 256 * 1024;

/// A frame with its sender. What came is of [`WireEntry`], what goes out of [`Outgoing`]: the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope<E = WireEntry> {
    pub(crate) node: NodeName,
    pub(crate) epoch: u64,
    pub(crate) frame: Frame<E>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Frame<E = WireEntry> {
    /// Where the sender stands.
    Beat(Beat),
    /// Asks for what an origin published above a stamp.
    Need { origin: Tag, have: u64 },
    /// All that an origin published with stamps in `(from, to]`, as far as the sender holds it.
    Data(Data<E>),
    /// Asks for a beat as soon as the sender's messages up to this stamp are applied.
    Confirm { stamp: u64 },
    /// A message for this node alone: it has no stamp, and is lost with the frame.
    Direct(E),
    /// The State topics that the sender holds, for a receiver whose deletions are past repair.
    Holds(Holds),
    /// The sender stops, having published up to this stamp.
    Leave { stamp: u64 },
    /// Who is present at the sender, and what of that it wants to know.
    Presence(Word),
}

/// Where a node stands. Says nothing that a later one does not say again: it may be lost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// What the sender has applied of every origin, itself included.
    pub(crate) applied: Vec<(Tag, u64)>,
    /// For how many milliseconds each of those has been dead. Those of the sender and of its peers are left out.
    pub(crate) dead: Vec<(Tag, u64)>,
    /// What it has applied of origins that are long dead and no more in its cursors; not in every beat.
    pub(crate) retired: Vec<(Tag, u64)>,
    /// Which Signal topics it needs, until the receiver has said that it knows.
    pub(crate) wants: Option<Interest>,
    /// The version of the receiver's interest by which the sender filters, and the stamp from which on it does.
    pub(crate) heard: Option<(u64, u64)>,
}

/// Decides the stamps `(from, to]` of an origin: what is not among the entries was superseded, is not of the
/// receiver's interest, or is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Data<E = WireEntry> {
    pub(crate) origin: Tag,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// In stamp order.
    pub(crate) entries: Vec<E>,
    /// Topics of which messages in that range are gone at the sender, with the highest stamp gone.
    pub(crate) lost: Vec<(TopicName, u64)>,
    /// Up to this stamp, messages are gone on topics whose names the sender has forgotten too; 0 for none.
    pub(crate) lost_elsewhere: u64,
    /// Up to this stamp, deletions are no more remembered at the sender; 0 for none. A [`Holds`] precedes.
    pub(crate) deleted: u64,
}

/// A message between nodes. The origin stands in [`Data`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WireEntry {
    pub(crate) topic: TopicName,
    pub(crate) clock: u64,
    pub(crate) stamp: u64,
    pub(crate) from: Option<Box<str>>,
    pub(crate) id: Option<Box<str>>,
    /// `None` clears a State topic.
    #[serde(serialize_with = "Payload::write", deserialize_with = "Payload::read")]
    pub(crate) payload: Option<Payload>,
    /// The origin's own message with this stamp was superseded at the sender: this is the value that did so, of this
    /// origin, with this stamp there.
    pub(crate) author: Option<(Tag, u64)>,
}

impl WireEntry {
    /// Its version, on a link from this origin.
    pub(crate) fn version(&self, origin: OriginTag) -> Version {
        Version::from_clock(self.clock, self.author.map_or(origin, |(author, _)| author.into()))
    }
}

/// An entry on its way out: [`WireEntry`]'s bytes, without a copy of the payload until they are written.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) entry: Arc<Entry>,
    /// It stands in for another origin's message with this stamp, which it superseded.
    pub(crate) superseded: Option<u64>,
}

impl From<Arc<Entry>> for Outgoing {
    fn from(entry: Arc<Entry>) -> Self {
        Self { entry, superseded: None }
    }
}

impl Outgoing {
    /// The stamp that it decides.
    pub(crate) fn stamp(&self) -> u64 {
        self.superseded.unwrap_or(self.entry.stamp)
    }
}

impl PartialEq for Outgoing {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entry, &other.entry) && self.superseded == other.superseded
    }
}

/// [`WireEntry`] with borrowed parts: field by field the same, for the encoding has no names.
#[derive(Serialize)]
struct WireEntryRef<'a> {
    topic: &'a TopicName,
    clock: u64,
    stamp: u64,
    from: Option<&'a str>,
    id: Option<&'a str>,
    payload: Option<&'a str>,
    author: Option<(Tag, u64)>,
}

impl Serialize for Outgoing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = &self.entry;
        let (topic, clock, stamp) = (&entry.topic, entry.version.clock(), self.stamp());
        let payload = entry.payload.as_ref().map(Payload::as_str);
        let author = self.superseded.map(|_| (entry.version.origin().into(), entry.stamp));
        WireEntryRef { topic, clock, stamp, from: entry.from.as_deref(), id: entry.id.as_deref(), payload, author }
            .serialize(serializer)
    }
}

/// The State topics of a node, as hashes of their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Holds {
    /// What the sender had applied when it made the list.
    pub(crate) applied: Vec<(Tag, u64)>,
    /// Sorted.
    pub(crate) topics: Vec<u64>,
}

/// An [`OriginTag`] as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tag(u64);

impl From<OriginTag> for Tag {
    fn from(origin: OriginTag) -> Self {
        Self(origin.to_bytes().iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl From<Tag> for OriginTag {
    fn from(tag: Tag) -> Self {
        Self::from_low_bits(tag.0)
    }
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FrameError {
    #[error("not a frame of ours")]
    Foreign,
    #[error("a frame of version {0}; this build reads {FRAME_VERSION}")]
    Version(u8),
    #[error("a frame of {0} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLong(usize),
    #[error("damaged on its way: its checksum is wrong")]
    Damaged,
    /// A later build of this version may have more kinds.
    #[error("a frame of kind {0}, which this build does not know")]
    Kind(u8),
    #[error("malformed: {0}")]
    Malformed(String),
}

impl FrameError {
    /// Whether it tells that its sender is of another version, which makes it no peer. What else is no frame is dropped:
    /// whoever sent it, a hole is repaired, and a peer must not lose its place by a stranger's bytes.
    pub(crate) fn is_of_another_version(&self) -> bool {
        matches!(self, Self::Version(_))
    }
}

impl<E: Serialize> Envelope<E> {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FrameError> {
        let head = vec![MAGIC, FRAME_VERSION, 0, 0, 0, 0];
        let mut bytes = postcard::to_extend(self, head).map_err(|error| FrameError::Malformed(error.to_string()))?;
        seal(&mut bytes);
        if bytes.len() > FRAME_BYTES_MAX { Err(FrameError::TooLong(bytes.len())) } else { Ok(bytes) }
    }
}

impl Envelope {
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong(bytes.len()));
        }
        match bytes {
            [MAGIC, FRAME_VERSION, a, b, c, d, body @ ..] => {
                if crc32fast::hash(body) != u32::from_le_bytes([*a, *b, *c, *d]) {
                    return Err(FrameError::Damaged);
                }
                let malformed = |error: postcard::Error| FrameError::Malformed(error.to_string());
                let ((node, epoch), body) = postcard::take_from_bytes(body).map_err(malformed)?;
                if let Some(kind) = body.first().filter(|kind| **kind >= KINDS) {
                    return Err(FrameError::Kind(*kind));
                }
                match postcard::take_from_bytes(body).map_err(malformed)? {
                    (frame, []) => Ok(Self { node, epoch, frame }),
                    _ => Err(FrameError::Malformed("bytes after its end".to_owned())),
                }
            }
            [MAGIC, FRAME_VERSION, ..] => Err(FrameError::Damaged),
            [MAGIC, version, ..] => Err(FrameError::Version(*version)),
            _ => Err(FrameError::Foreign),
        }
    }
}

/// Writes the checksum into the head of a frame.
pub(crate) fn seal(bytes: &mut [u8]) {
    if let Some((head, body)) = bytes.split_at_mut_checked(HEAD_BYTES) {
        head[2..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelope() -> Envelope {
        let entry = WireEntry {
            topic: TopicName::new("a/b").unwrap(),
            clock: 7,
            stamp: 3,
            from: None,
            id: Some("x".into()),
            payload: Some(Payload::of(&()).unwrap()),
            author: None,
        };
        let origin = OriginTag::from_low_bits(9).into();
        let data =
            Data { origin, from: 2, to: 3, entries: vec![entry], lost: Vec::new(), lost_elsewhere: 0, deleted: 0 };
        Envelope { node: NodeName::new("alpha").unwrap(), epoch: 5, frame: Frame::Data(data) }
    }

    #[test]
    fn bytes_and_back() {
        let bytes = envelope().encode().unwrap();
        assert_eq!(Envelope::decode(&bytes), Ok(envelope()));
        assert_eq!(Envelope::decode(b"GET / HTTP/1.1"), Err(FrameError::Foreign));
        assert_eq!(Envelope::decode(&[MAGIC, 9]), Err(FrameError::Version(9)));
        assert_eq!(Envelope::decode(&bytes[..bytes.len() - 1]), Err(FrameError::Damaged));
        assert!(matches!(Envelope::decode(&sealed(&[&bytes[..], &[0]])), Err(FrameError::Malformed(_))));
    }

    fn sealed(parts: &[&[u8]]) -> Vec<u8> {
        let mut bytes = parts.concat();
        seal(&mut bytes);
        bytes
    }

    /// A later build may say more, behind the head that never changes.
    #[test]
    fn what_a_later_build_says_is_told_apart() {
        let last = Envelope { frame: Frame::Presence(Word::Head { head: 7, digest: 7 }), ..envelope() };
        let bytes = last.encode().unwrap();
        let [head @ .., last_kind, _word, _head, _digest] = &bytes[..] else { panic!("a head, a kind and a word") };
        assert_eq!(*last_kind, KINDS - 1, "a new kind counts");
        let later = sealed(&[head, &[KINDS, 1, 2, 3]]);
        assert_eq!(Envelope::decode(&later), Err(FrameError::Kind(KINDS)));
        let mut future = bytes.clone();
        future[1] += 1;
        let error = Envelope::decode(&future).unwrap_err();
        assert!(error.is_of_another_version(), "{error}");
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = envelope().encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let is_whole = bytes == envelope().encode().unwrap();
            assert_eq!(Envelope::decode(&bytes).is_ok(), is_whole, "no damage of one byte goes unseen");
            // With a checksum of its own it is read, whatever it says.
            let _ = Envelope::decode(&sealed(&[&bytes]));
            let _ = Envelope::decode(&sealed(&[&bytes[..cut.index(bytes.len())]]));
        }
    }
}
