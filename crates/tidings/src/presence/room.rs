//! A topic's entries, and what has changed of them for those who watch.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use slab::Slab;

use super::{Hold, Presence, Reference};
use crate::Payload;

/// Where an entry stands in its topic's list: by key, then by reference.
pub(crate) type Place = (Arc<str>, Reference);

/// What is shown of an entry: its meta, and whether it fades.
pub(crate) type Shown = (Payload, bool);

/// One change of what is shown.
#[derive(Debug)]
struct Change {
    place: Place,
    before: Option<Shown>,
    after: Option<Shown>,
}

/// Who watches a topic.
#[derive(Debug)]
struct Watcher {
    /// Number of the first change that it was not told; `None` before it has the list.
    next: Option<u64>,
    waker: Option<Waker>,
}

/// A topic.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Each entry with what nodes say of it: one of them, but for a page that moves.
    seats: BTreeMap<Place, Vec<Hold>>,
    /// Kept while somebody watches.
    changes: VecDeque<Change>,
    /// Number of the first of them.
    first: u64,
    watchers: Slab<Watcher>,
    /// When those who watch were last waked, on the monotonic clock.
    pub(crate) waked_ms: Option<u64>,
}

/// What a watcher is told.
#[derive(Debug)]
pub(crate) enum Told {
    List(Vec<Presence>),
    Diff { joins: Vec<Presence>, leaves: Vec<Presence> },
}

impl Room {
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.watchers.is_empty()
    }

    pub(crate) fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(crate) fn holds(&self, place: &Place) -> &[Hold] {
        self.seats.get(place).map_or(&[], |holds| holds)
    }

    /// Changes what nodes say of an entry. Gives how many entries the topic has more or less, and whether what is shown
    /// has changed.
    pub(crate) fn change(&mut self, place: Place, change: impl FnOnce(&mut Vec<Hold>), max: usize) -> (isize, bool) {
        let holds = self.seats.entry(place.clone()).or_default();
        let (was_there, before) = (!holds.is_empty(), shown(holds));
        change(holds);
        let (is_there, after) = (!holds.is_empty(), shown(holds));
        if !is_there {
            self.seats.remove(&place);
        }
        let has_changed = before != after;
        if has_changed && self.is_watched() {
            self.changes.push_back(Change { place, before, after });
            if self.changes.len() > max {
                self.changes.pop_front();
                self.first += 1;
            }
            if self.changes.len() >= 64 && self.changes.len().is_power_of_two() {
                self.let_go_of_told();
            }
        }
        (isize::from(is_there) - isize::from(was_there), has_changed)
    }

    /// Changes that all have been told are not needed. Looked for now and then: it walks over all who watch.
    fn let_go_of_told(&mut self) {
        let end = self.end();
        let least = self.watchers.iter().filter_map(|(_, watcher)| watcher.next).min().unwrap_or(end);
        while self.first < least && self.changes.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Number of the next change.
    fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    pub(crate) fn watch(&mut self) -> usize {
        self.watchers.insert(Watcher { next: None, waker: None })
    }

    pub(crate) fn unwatch(&mut self, watcher: usize) {
        self.watchers.try_remove(watcher);
        if self.watchers.is_empty() {
            (self.first, self.changes) = (self.end(), VecDeque::new());
        }
    }

    /// What a watcher has to be told; where that is nothing, its waker is kept.
    pub(crate) fn tell(&mut self, watcher: usize, waker: &Waker) -> Option<Told> {
        let end = self.end();
        let next = self.watchers.get_mut(watcher)?.next.replace(end);
        // Behind what is kept: a list says it all.
        let Some(next) = next.filter(|next| *next >= self.first) else { return Some(Told::List(self.list())) };
        let told = self.diff(next);
        if told.is_none() {
            self.watchers[watcher].waker = Some(waker.clone());
        }
        told
    }

    /// What has become of each entry from a number on: what came and went in between is not told.
    fn diff(&self, next: u64) -> Option<Told> {
        let mut of: BTreeMap<&Place, (&Option<Shown>, &Option<Shown>)> = BTreeMap::new();
        for change in self.changes.iter().skip((next - self.first) as usize) {
            of.entry(&change.place).or_insert((&change.before, &change.after)).1 = &change.after;
        }
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        for (place, (before, after)) in of.into_iter().filter(|(_, (before, after))| before != after) {
            leaves.extend(before.as_ref().map(|shown| presence(place, shown)));
            joins.extend(after.as_ref().map(|shown| presence(place, shown)));
        }
        (!joins.is_empty() || !leaves.is_empty()).then_some(Told::Diff { joins, leaves })
    }

    pub(crate) fn take_wakers(&mut self, into: &mut Vec<Waker>) {
        into.extend(self.watchers.iter_mut().filter_map(|(_, watcher)| watcher.waker.take()));
    }

    pub(crate) fn list(&self) -> Vec<Presence> {
        self.seats.iter().filter_map(|(place, holds)| Some(presence(place, &shown(holds)?))).collect()
    }

    pub(crate) fn of(&self, key: &str) -> Vec<Presence> {
        let from = (Arc::from(key), Reference::from_bytes([0; 16]));
        let seats = self.seats.range(from..).take_while(|((of, _), _)| **of == *key);
        seats.filter_map(|(place, holds)| Some(presence(place, &shown(holds)?))).collect()
    }
}

fn shown(holds: &[Hold]) -> Option<Shown> {
    let best = holds.iter().max_by_key(|hold| hold.rank())?;
    Some((best.state.meta.clone(), best.is_fading()))
}

fn presence((key, reference): &Place, (meta, is_fading): &Shown) -> Presence {
    Presence { key: key.clone(), reference: *reference, meta: meta.clone(), is_fading: *is_fading }
}
