//! A stream's part in presence: who is present by its page, and whose presence the page is told.
//!
//! Entries are held by handles of the hub, under the reference that the page made up. The stream's end drops them: they
//! fade, and stay where the page is back within the grace, here or on another node. What the page lets go of itself
//! leaves at once.
//!
//! What a list says of an entry is its id, not its reference: who knows that could take the entry over.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tidings::{
    Payload, Presence, PresenceChange, PresenceChanges, PresenceError, Reference, Tracked,
    wire::{
        PresenceEntry, TopicName,
        event::{PresenceDiff, PresenceRefused, Present, RefusedReason, name},
        live::{self, PAGE_WATCHES_MAX, Track, Untrack},
    },
};

use crate::{letters::is_ours, live::Outside, stream::StreamBody};

/// Bytes of an id: among 20,000 entries of a topic two are alike with a probability of about 10⁻¹³.
const ID_BYTES: usize = 9;

/// A list is told in events of about this size, far below what a browser takes as one.
const LIST_BYTES: usize = 256 * 1024;

/// What a stream knows of presence; made when its page first asks.
#[derive(Debug)]
pub(crate) struct Attendance {
    /// The page's.
    reference: Option<Reference>,
    /// Who is present by the page.
    tracked: HashMap<Untrack, Tracked>,
    /// The lists that it sees.
    watched: HashMap<TopicName, PresenceChanges>,
    /// What was closed to it, to be begun should that change.
    closed: Closed,
    /// Newest call that named a list (`None`) or an entry: an older one that arrives late changes nothing.
    calls: HashMap<(TopicName, Option<Box<str>>), u64>,
    /// Rings when a list has changed.
    bell: Waker,
}

#[derive(Debug, Default)]
struct Closed {
    track: HashMap<Untrack, Track>,
    watch: HashSet<TopicName>,
}

/// Tells a stream that one of its lists has changed.
struct Bell(Arc<Outside>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.tell(|inbox| inbox.presence = true);
    }
}

impl Attendance {
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        let (reference, tracked, watched, closed, calls) = Default::default();
        Self { reference, tracked, watched, closed, calls, bell: Waker::from(Arc::new(Bell(outside))) }
    }

    fn is_newest(&mut self, call: u64, topic: &TopicName, key: Option<&str>) -> bool {
        let newest = self.calls.entry((topic.clone(), key.map(Into::into))).or_default();
        let is_newest = *newest < call;
        *newest = call.max(*newest);
        is_newest
    }

    /// Calls overtake each other by a few: of what was let go, not everything is remembered.
    fn forget_old_calls(&mut self, page_presences_max: usize) {
        if self.calls.len() > 4 * (page_presences_max + PAGE_WATCHES_MAX) {
            let Self { calls, tracked, watched, .. } = self;
            calls.retain(|(topic, key), _| match key {
                Some(key) => tracked.contains_key(&Untrack { topic: topic.clone(), key: key.clone() }),
                None => watched.contains_key(topic),
            });
        }
    }

    /// What each list has to tell.
    fn told(&mut self) -> Vec<(TopicName, PresenceChange)> {
        let mut told = Vec::new();
        let mut context = Context::from_waker(&self.bell);
        for (topic, changes) in &mut self.watched {
            // Until there is nothing: the bell is kept by a list that has told all.
            while let Poll::Ready(change) = changes.poll(&mut context) {
                told.push((topic.clone(), change));
            }
        }
        told
    }
}

impl StreamBody {
    /// Acts on what a page asks of presence; gives back what was refused.
    pub(crate) fn change_presence(&mut self, call: u64, ask: live::Presence) -> Vec<PresenceRefused> {
        if ask.is_empty() && self.attendance.is_none() {
            return Vec::new();
        }
        let live::Presence { reference, watch, unwatch, track, untrack } = ask;
        let max = self.live.hub().limits().page_presences_max;
        let attendance = self.attendance();
        attendance.reference = attendance.reference.or(reference);
        for topic in unwatch {
            if attendance.is_newest(call, &topic, None) {
                attendance.watched.remove(&topic);
                attendance.closed.watch.remove(&topic);
            }
        }
        for gone in untrack {
            if attendance.is_newest(call, &gone.topic, Some(&gone.key)) {
                attendance.closed.track.remove(&gone);
                if let Some(tracked) = attendance.tracked.remove(&gone) {
                    tracked.untrack();
                }
            }
        }
        let mut refused = Vec::new();
        for topic in watch {
            if self.attendance().is_newest(call, &topic, None) {
                refused.extend(self.watch(topic));
            }
        }
        for track in track {
            if self.attendance().is_newest(call, &track.topic, Some(&track.key)) {
                refused.extend(self.track(track));
            }
        }
        self.attendance().forget_old_calls(max);
        self.tell_presences();
        refused
    }

    fn attendance(&mut self) -> &mut Attendance {
        let outside = &self.outside;
        self.attendance.get_or_insert_with(|| Box::new(Attendance::new(outside.clone())))
    }

    fn watch(&mut self, topic: TopicName) -> Option<PresenceRefused> {
        let refuse =
            |reason, message: String| Some(PresenceRefused { topic: topic.clone(), key: None, reason, message });
        let may_see = self.may_see_presences(&topic);
        let hub = self.live.hub().clone();
        let Attendance { watched, closed, .. } = self.attendance();
        let is_known = watched.contains_key(&topic) || closed.watch.contains(&topic);
        if !is_known && watched.len() + closed.watch.len() >= PAGE_WATCHES_MAX {
            return refuse(RefusedReason::Limit, format!("a page sees who is present on {PAGE_WATCHES_MAX} topics"));
        }
        if !may_see {
            watched.remove(&topic);
            closed.watch.insert(topic.clone());
            return refuse(RefusedReason::Forbidden, "who is present here is not told to you".to_owned());
        }
        match hub.presence_changes(topic.as_str()) {
            // Also where it was watched: who asks again is told the list.
            Ok(changes) => drop(watched.insert(topic, changes)),
            Err(error) => return refuse(RefusedReason::Other, error.to_string()),
        }
        None
    }

    fn track(&mut self, track: Track) -> Option<PresenceRefused> {
        let place = Untrack { topic: track.topic.clone(), key: track.key.clone() };
        let refuse = |reason, message: String| {
            let (topic, key) = (track.topic.clone(), Some(track.key.clone()));
            Some(PresenceRefused { topic, key, reason, message })
        };
        let (may, hub) = (self.may_be_present(&place), self.live.hub().clone());
        let (most, meta) =
            (hub.limits().page_presences_max, hub.check_meta(self.who(), &track.topic, track.meta.get()));
        let Attendance { reference, tracked, closed, .. } = self.attendance();
        if !may {
            if let Some(tracked) = tracked.remove(&place) {
                tracked.untrack();
            }
            // A page that asks for more closed places than it may have open ones is not served better by a memory of them.
            if closed.track.len() < most {
                closed.track.insert(place, track.clone());
            }
            return refuse(RefusedReason::Forbidden, "you may not be present here under this name".to_owned());
        }
        closed.track.remove(&place);
        let Some(reference) = *reference else {
            return refuse(RefusedReason::Invalid, "who is present needs a reference of 128 random bits".to_owned());
        };
        let meta = match meta {
            Ok(meta) => meta,
            Err(message) => return refuse(RefusedReason::Invalid, message),
        };
        let done = match tracked.get(&place) {
            Some(tracked) => tracked.update(meta),
            // A page that comes back is not told from one whose last stream has not ended yet: it takes over.
            None => hub.take_over(reference, track.topic.as_str(), &track.key, meta).map(|handle| {
                tracked.insert(place, handle);
            }),
        };
        done.err().and_then(|error| refuse(reason(&error), error.to_string()))
    }

    /// Writes what has changed of the lists that the page sees.
    pub(crate) fn tell_presences(&mut self) {
        let Some(attendance) = &mut self.attendance else { return };
        let mine = attendance.reference;
        for (topic, change) in attendance.told() {
            match change {
                PresenceChange::List(all) => self.tell_list(topic, all, mine),
                PresenceChange::Diff { joins, leaves } => {
                    let joins: Vec<_> = joins.iter().map(|presence| entry(presence, mine)).collect();
                    let leaves: Vec<_> =
                        leaves.iter().map(|gone| (gone.key.as_ref().into(), id(gone.reference))).collect();
                    self.tell_diffs(&topic, joins, leaves);
                }
                other => tracing::error!(?other, "a change of presence that this build cannot write"),
            }
        }
    }

    /// The beginning of a list replaces what was told before, and the rest comes to it.
    fn tell_list(&mut self, topic: TopicName, all: Vec<Presence>, mine: Option<Reference>) {
        let mut entries: Vec<_> = all.iter().map(|presence| entry(presence, mine)).collect();
        let rest = entries.split_off(fitting(&entries));
        self.event(name::PRESENT, None, &Present { topic: topic.clone(), entries });
        self.tell_diffs(&topic, rest, Vec::new());
    }

    fn tell_diffs(&mut self, topic: &TopicName, mut joins: Vec<PresenceEntry>, leaves: Vec<(Box<str>, Box<str>)>) {
        // What joins takes the place of what it was.
        let stays: HashSet<_> = joins.iter().map(PresenceEntry::place).collect();
        let mut leaves: Vec<_> = leaves.iter().filter(|(key, id)| !stays.contains(&(&**key, &**id))).cloned().collect();
        while !(joins.is_empty() && leaves.is_empty()) {
            let rest = joins.split_off(fitting(&joins));
            let diff = PresenceDiff { topic: topic.clone(), joins, leaves: std::mem::take(&mut leaves) };
            self.event(name::PRESENCE, None, &diff);
            joins = rest;
        }
    }

    /// Asks the rules again: what is closed ends, what was closed and is open now begins. Gives back what was refused.
    pub(crate) fn presence_rights(&mut self) -> Vec<PresenceRefused> {
        let Some(attendance) = &mut self.attendance else { return Vec::new() };
        let closed = std::mem::take(&mut attendance.closed);
        let watched: Vec<_> = attendance.watched.keys().cloned().collect();
        let tracked: Vec<_> = attendance.tracked.keys().cloned().collect();
        let mut refused = Vec::new();
        for topic in watched.into_iter().filter(|topic| !self.may_see_presences(topic)).collect::<Vec<_>>() {
            refused.extend(self.watch(topic));
        }
        for place in tracked.into_iter().filter(|place| !self.may_be_present(place)).collect::<Vec<_>>() {
            let Some(meta) = self.attendance().tracked.get(&place).and_then(Tracked::meta) else { continue };
            let meta = raw(&meta);
            refused.extend(self.track(Track { topic: place.topic, key: place.key, meta }));
        }
        // What stays closed was told to be when it was asked for.
        closed.watch.into_iter().for_each(|topic| drop(self.watch(topic)));
        closed.track.into_values().for_each(|track| drop(self.track(track)));
        self.tell_presences();
        refused
    }

    fn may_see_presences(&self, topic: &TopicName) -> bool {
        !is_ours(topic) && self.live.hub().may_see_presences(self.who(), topic)
    }

    fn may_be_present(&self, place: &Untrack) -> bool {
        !is_ours(&place.topic) && self.live.hub().may_be_present(self.who(), &place.topic, &place.key)
    }
}

/// An entry as somebody outside is told of it.
pub(crate) fn entry(presence: &Presence, mine: Option<Reference>) -> PresenceEntry {
    PresenceEntry {
        key: presence.key.as_ref().into(),
        id: id(presence.reference),
        meta: raw(&presence.meta),
        fading: presence.is_fading,
        mine: mine == Some(presence.reference),
    }
}

/// A payload is JSON, and another node's is taken for that.
fn raw(meta: &Payload) -> Box<RawValue> {
    RawValue::from_string(meta.as_str().to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What names an entry to those who must not know its reference: the same on all nodes.
fn id(reference: Reference) -> Box<str> {
    let hash = Sha256::new().chain_update(b"tidings presence ").chain_update(reference.to_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(&hash[..ID_BYTES]).into()
}

/// How many of these go into one event: at least one.
fn fitting(entries: &[PresenceEntry]) -> usize {
    // Key, id, and what is written around them.
    let weigh = |entry: &PresenceEntry| entry.meta.get().len() + entry.key.len() + 64;
    let mut bytes = 0;
    let fits = |entry: &&PresenceEntry| {
        bytes += weigh(entry);
        bytes <= LIST_BYTES
    };
    entries.iter().take_while(fits).count().max(1).min(entries.len())
}

fn reason(error: &PresenceError) -> RefusedReason {
    match error {
        PresenceError::TooManyOfPage { .. } | PresenceError::TooManyOfTopic { .. } | PresenceError::TooMany { .. } => {
            RefusedReason::Limit
        }
        PresenceError::MetaTooLarge { .. } | PresenceError::KeyTooLong { .. } => RefusedReason::Invalid,
        _ => RefusedReason::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighing(bytes: usize) -> PresenceEntry {
        let meta = serde_json::value::to_raw_value(&"x".repeat(bytes)).unwrap();
        PresenceEntry { key: "ann".into(), id: "i".into(), meta, fading: false, mine: false }
    }

    #[test]
    fn a_long_list_is_told_in_pieces() {
        let of = |weights: &[usize]| fitting(&weights.iter().map(|bytes| weighing(*bytes)).collect::<Vec<_>>());
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[10, 10]), 2);
        assert_eq!(of(&[LIST_BYTES / 2, LIST_BYTES / 3, LIST_BYTES / 2]), 2);
        assert_eq!(of(&[2 * LIST_BYTES, 10]), 1, "one that is too large alone is told alone");
    }

    #[test]
    fn an_id_is_the_same_everywhere_and_does_not_tell_the_reference() {
        let (one, other) = (Reference::from_bytes([1; 16]), Reference::from_bytes([2; 16]));
        assert_eq!(id(one), id(one));
        assert_ne!(id(one), id(other));
        assert_eq!(id(one).len(), 12);
        assert!(!one.to_string().contains(&*id(one)));
    }
}
