//! What a node writes into the journal.

use serde::{Deserialize, Serialize};
use tidings_wire::NodeName;

use super::{
    Holds,
    frame::{Tag, WireEntry, seal},
};

/// First byte of every note.
const MAGIC: u8 = 0xB8;

/// Version of the notes: they outlive the build that wrote them.
const NOTE_VERSION: u8 = 1;

/// A record of the journal: magic byte, version, CRC-32 of what follows, and this in postcard's encoding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Note<E = WireEntry> {
    Message(Written<E>),
    Mark(Mark),
    /// Deletions were forgotten before they could be written: these are the topics that were not deleted.
    Holds(Holds),
}

/// A message of an origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Written<E = WireEntry> {
    pub(crate) origin: Tag,
    /// Everything of the origin up to this stamp had been written before this was.
    pub(crate) base: u64,
    /// Nothing of the origin that was written before this has a higher stamp. Not the stamp before this one: what failed
    /// is written again, and then stands behind what came after it. Who writes for another does not know, and says the
    /// highest number.
    pub(crate) before: u64,
    pub(crate) entry: E,
}

/// How far an origin's messages are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) origin: Tag,
    pub(crate) writer: Tag,
    /// The origin's node, for people.
    pub(crate) node: Option<NodeName>,
    /// Up to this stamp, everything is written, or was superseded, or is of a Signal, or is lost.
    pub(crate) decided: u64,
    /// Up to this stamp, messages on Events topics may be lost to the journal; 0 for none.
    pub(crate) lost: u64,
    /// The origin has left in order, or the writer tells readers that it has died: whose cursor lists the writer has been
    /// told, and of an origin's own mark nobody has to be.
    pub(crate) is_settled: bool,
    /// When the origin was last alive, in milliseconds since the Unix epoch by the writer's clock.
    pub(crate) alive_ms: u64,
}

impl<E: Serialize> Note<E> {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let mut bytes = postcard::to_extend(self, vec![MAGIC, NOTE_VERSION, 0, 0, 0, 0])?;
        seal(&mut bytes);
        Ok(bytes)
    }
}

impl Note {
    /// What is none, or is damaged, says so.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes {
            [MAGIC, NOTE_VERSION, a, b, c, d, body @ ..] => {
                if crc32fast::hash(body) != u32::from_le_bytes([*a, *b, *c, *d]) {
                    return Err("its checksum is wrong".to_owned());
                }
                postcard::from_bytes(body).map_err(|error| error.to_string())
            }
            [MAGIC, version, ..] => Err(format!("it is of version {version}, which this build does not read")),
            _ => Err("it is none of ours".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidings_wire::OriginTag;

    use super::*;

    #[test]
    fn bytes_and_back() {
        let origin = OriginTag::from_low_bits(7).into();
        let entry = WireEntry {
            topic: "a/b".parse().unwrap(),
            clock: 7,
            stamp: 3,
            from: None,
            id: Some("x".into()),
            payload: None,
            author: None,
        };
        let mark = Mark {
            origin,
            writer: origin,
            node: Some("alpha".parse().unwrap()),
            decided: 5,
            lost: 2,
            is_settled: true,
            alive_ms: 9,
        };
        let notes = [
            Note::Message(Written { origin, base: 1, before: 2, entry }),
            Note::Mark(mark),
            Note::Holds(Holds { applied: vec![(origin, 5)], topics: vec![1, 2] }),
        ];
        for note in notes {
            let bytes = note.encode().unwrap();
            assert_eq!(Note::decode(&bytes), Ok(note));
            for at in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1;
                assert!(Note::decode(&damaged).is_err(), "a damage at {at} is seen");
                assert!(Note::decode(&bytes[..at]).is_err(), "an end at {at} is seen");
            }
        }
    }
}
