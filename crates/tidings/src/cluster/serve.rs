//! Serving a peer: what an origin published above a stamp, as far as this node holds it.

use std::sync::Arc;

use tidings_wire::{OriginTag, TopicName};

use super::frame::{Data, FRAME_ENTRIES_MAX, FRAME_PAYLOAD_BYTES, WireEntry};
use crate::{entry::Entry, lock, topic::Topic};

/// Entries in stamp order as one or more frames that decide `(from, to]`.
pub(crate) fn frames<'a>(
    origin: OriginTag,
    from: u64,
    to: u64,
    entries: impl Iterator<Item = &'a Arc<Entry>>,
    lost: Vec<(TopicName, u64)>,
    lost_elsewhere: u64,
) -> Vec<Data> {
    let begin =
        |from| Data { origin: origin.into(), from, to, entries: Vec::new(), lost: Vec::new(), lost_elsewhere: 0 };
    let (mut frames, mut data, mut bytes) = (Vec::new(), begin(from), 0);
    // Told with the first frame: a gap stands before what follows it.
    (data.lost, data.lost_elsewhere) = (lost, lost_elsewhere);
    for entry in entries {
        if data.entries.len() == FRAME_ENTRIES_MAX
            || (bytes + entry.bytes() > FRAME_PAYLOAD_BYTES && !data.entries.is_empty())
        {
            data.to = data.entries.last().map_or(from, |last| last.stamp);
            bytes = 0;
            let next = begin(data.to);
            frames.push(std::mem::replace(&mut data, next));
        }
        bytes += entry.bytes();
        data.entries.push(wire(entry));
    }
    frames.push(data);
    frames
}

fn wire(entry: &Entry) -> WireEntry {
    WireEntry {
        topic: entry.topic.clone(),
        clock: entry.version.clock(),
        stamp: entry.stamp,
        from: entry.from.clone(),
        id: entry.id.clone(),
        payload: entry.payload.as_ref().map(|payload| payload.as_str().into()),
    }
}

/// Walks all rings for what they hold of an origin above a stamp, in stamp order, and for what is gone.
pub(crate) fn from_rings<'a>(
    topics: impl Iterator<Item = &'a Arc<Topic>>,
    origin: OriginTag,
    have: u64,
) -> (Vec<Arc<Entry>>, Vec<(TopicName, u64)>) {
    let (mut entries, mut lost) = (Vec::new(), Vec::new());
    for topic in topics {
        let ring = lock(&topic.ring);
        entries.extend(ring.of_origin(origin, have).cloned());
        let gone = ring.gone_of(origin);
        if gone > have {
            lost.push((topic.name.clone(), gone));
        }
    }
    entries.sort_unstable_by_key(|entry| entry.stamp);
    lost.sort_unstable();
    (entries, lost)
}
