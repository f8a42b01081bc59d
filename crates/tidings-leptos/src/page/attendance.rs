//! Presence as a page holds it: the lists that its components see, and who is present by it.
//!
//! It is outside of the cursor. A stream that is opened again begins with the lists, and until then a component shows what
//! it was told last.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use serde_json::value::RawValue;
use slab::Slab;
use tidings_wire::{
    PresenceEntry, Reference, TopicName,
    event::{PresenceDiff, PresenceRefused, Present},
    live::{Presence, Track, Untrack},
};

use super::news::{Calls, News, Sink};

/// Names a component that sees a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchId {
    topic: TopicName,
    key: usize,
}

/// Names a component by which somebody is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrackId {
    place: Untrack,
    key: usize,
}

#[derive(Default)]
pub(crate) struct Attendance {
    /// The page's own, made up by the browser.
    reference: Option<Reference>,
    rooms: HashMap<TopicName, Room>,
    own: HashMap<Untrack, Own>,
    /// What the next call asks for.
    watched: Vec<TopicName>,
    tracked: Vec<Untrack>,
    /// What nobody wants any more, unless somebody does again before the next call.
    unwatched: Vec<TopicName>,
    untracked: Vec<Untrack>,
}

/// A topic's list.
#[derive(Default)]
struct Room {
    sinks: Slab<Sink>,
    /// By key and id; `None` before the first list.
    entries: Option<BTreeMap<Place, PresenceEntry>>,
    refused: bool,
}

/// Key and id.
type Place = (Box<str>, Box<str>);

/// An entry of this page, held by one component or more: what was said last is shown.
struct Own {
    sinks: Slab<Sink>,
    meta: Box<RawValue>,
}

fn place(entry: &PresenceEntry) -> Place {
    (entry.key.clone(), entry.id.clone())
}

impl Attendance {
    /// The page's reference; the first one counts.
    pub(crate) fn refer(&mut self, reference: Reference) {
        self.reference.get_or_insert(reference);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.values().all(|room| room.sinks.is_empty()) && self.own.values().all(|own| own.sinks.is_empty())
    }

    /// A component sees who is present on a topic. What the page knows of it goes to `calls`.
    pub(crate) fn watch(&mut self, topic: &TopicName, sink: Sink, calls: &mut Calls) -> WatchId {
        self.unwatched.retain(|unwatched| unwatched != topic);
        let watched = &mut self.watched;
        let room = self.rooms.entry(topic.clone()).or_insert_with(|| {
            watched.push(topic.clone());
            Room::default()
        });
        if room.refused {
            calls.push((sink.clone(), News::Refused));
        } else if let Some(entries) = &room.entries {
            calls.push((sink.clone(), News::Present(entries.values().cloned().collect())));
        }
        WatchId { topic: topic.clone(), key: room.sinks.insert(sink) }
    }

    pub(crate) fn unwatch(&mut self, watch: &WatchId) {
        let Some(room) = self.rooms.get_mut(&watch.topic) else { return };
        room.sinks.try_remove(watch.key);
        if room.sinks.is_empty() && !self.unwatched.contains(&watch.topic) {
            self.unwatched.push(watch.topic.clone());
        }
    }

    /// Somebody is present for as long as a component lives.
    pub(crate) fn track(&mut self, topic: &TopicName, key: &str, meta: Box<RawValue>, sink: Sink) -> TrackId {
        let place = Untrack { topic: topic.clone(), key: key.into() };
        self.untracked.retain(|untracked| *untracked != place);
        let is_new = !self.own.contains_key(&place);
        let own = self.own.entry(place.clone()).or_insert_with(|| Own { sinks: Slab::new(), meta: meta.clone() });
        let id = TrackId { key: own.sinks.insert(sink), place };
        if is_new {
            self.tracked.push(id.place.clone());
        } else {
            self.retrack(&id, meta);
        }
        id
    }

    /// It says something else of itself. The same again is told to nobody.
    pub(crate) fn retrack(&mut self, track: &TrackId, meta: Box<RawValue>) {
        let Some(own) = self.own.get_mut(&track.place) else { return };
        if own.meta.get() != meta.get() {
            own.meta = meta;
            if !self.tracked.contains(&track.place) {
                self.tracked.push(track.place.clone());
            }
        }
    }

    pub(crate) fn untrack(&mut self, track: &TrackId) {
        let Some(own) = self.own.get_mut(&track.place) else { return };
        own.sinks.try_remove(track.key);
        if own.sinks.is_empty() && !self.untracked.contains(&track.place) {
            self.untracked.push(track.place.clone());
        }
    }

    /// What a new stream is told: everything.
    pub(super) fn open(&mut self) -> Presence {
        self.forget();
        self.watched = self.rooms.keys().cloned().collect();
        self.tracked = self.own.keys().cloned().collect();
        // The same page asks for the same in the same words.
        self.watched.sort_unstable();
        self.tracked.sort_unstable_by(|a, b| (&a.topic, &a.key).cmp(&(&b.topic, &b.key)));
        self.ask()
    }

    /// What has changed since the last call.
    pub(super) fn change(&mut self) -> Presence {
        let (mut unwatch, untrack) = self.forget();
        // Never asked for: the server need not hear of it. Of an entry it may know an earlier meta.
        unwatch.retain(|topic| !self.watched.contains(topic));
        Presence { unwatch, untrack, ..self.ask() }
    }

    /// Takes out what nobody wants any more.
    fn forget(&mut self) -> (Vec<TopicName>, Vec<Untrack>) {
        let (unwatch, untrack) = (std::mem::take(&mut self.unwatched), std::mem::take(&mut self.untracked));
        unwatch.iter().for_each(|topic| drop(self.rooms.remove(topic)));
        untrack.iter().for_each(|place| drop(self.own.remove(place)));
        (unwatch, untrack)
    }

    fn ask(&mut self) -> Presence {
        let watch =
            std::mem::take(&mut self.watched).into_iter().filter(|topic| self.rooms.contains_key(topic)).collect();
        let track = std::mem::take(&mut self.tracked).into_iter().filter_map(|place| {
            let meta = self.own.get(&place)?.meta.clone();
            Some(Track { topic: place.topic, key: place.key, meta })
        });
        let track = track.collect();
        Presence { reference: self.reference, watch, track, ..Presence::default() }
    }

    /// A list replaces what was known.
    pub(super) fn present(&mut self, present: &Present, calls: &mut Calls) {
        let Some(room) = self.rooms.get_mut(&present.topic) else { return };
        room.refused = false;
        room.entries = Some(present.entries.iter().map(|entry| (place(entry), entry.clone())).collect());
        room.tell(&News::Present(present.entries.clone().into()), calls);
    }

    /// A diff leads from one list to the next; before the first one it is of an earlier watch, and says nothing.
    pub(super) fn diff(&mut self, diff: &PresenceDiff, calls: &mut Calls) {
        let Some(room) = self.rooms.get_mut(&diff.topic) else { return };
        let Some(entries) = &mut room.entries else { return };
        diff.leaves.iter().for_each(|gone| drop(entries.remove(gone)));
        entries.extend(diff.joins.iter().map(|entry| (place(entry), entry.clone())));
        room.tell(&News::Presence(Rc::new(diff.clone())), calls);
    }

    /// Somebody was not tracked, or a list is not shown.
    pub(super) fn refuse(&mut self, refused: &PresenceRefused, calls: &mut Calls) {
        match &refused.key {
            None => {
                let Some(room) = self.rooms.get_mut(&refused.topic) else { return };
                (room.refused, room.entries) = (true, None);
                room.tell(&News::Refused, calls);
            }
            Some(key) => {
                let place = Untrack { topic: refused.topic.clone(), key: key.clone() };
                let sinks = self.own.get(&place).into_iter().flat_map(|own| &own.sinks);
                calls.extend(sinks.map(|(_, sink)| (sink.clone(), News::Absent(refused.message.as_str().into()))));
            }
        }
    }
}

impl Room {
    fn tell(&self, news: &News, calls: &mut Calls) {
        calls.extend(self.sinks.iter().map(|(_, sink)| (sink.clone(), news.clone())));
    }
}
