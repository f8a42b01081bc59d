//! All topics' entries, put together from what each node says of its own.

use std::{
    collections::{BTreeMap, HashMap},
    task::Waker,
};

use tidings_wire::{OriginTag, TopicName};

use super::{
    Hold, Id, State,
    room::{Place, Room},
};

/// For how long those who watch a topic are left alone after they were waked, in milliseconds: of a storm they hear 20
/// diffs a second at most, and of a lone change at once.
const PAUSE_MS: u64 = 50;

#[derive(Debug)]
pub(crate) struct Table {
    rooms: HashMap<TopicName, Room>,
    /// Entries of all topics.
    len: usize,
    /// Changes that a topic keeps for those who watch it.
    changes_max: usize,
    /// Topics whose watchers are to be waked, and when.
    due: BTreeMap<TopicName, u64>,
    /// The earliest of those; too early does no harm.
    pub(crate) next_due_ms: Option<u64>,
    /// Who is to be waked when the lock is free.
    pub(crate) wake: Vec<Waker>,
}

fn place(id: &Id) -> Place {
    (id.key.clone(), id.reference)
}

impl Table {
    pub(crate) fn new(changes_max: usize) -> Self {
        let (rooms, len, due, next_due_ms, wake) = Default::default();
        Self { rooms, len, changes_max, due, next_due_ms, wake }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn topics(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn room(&self, topic: &TopicName) -> Option<&Room> {
        self.rooms.get(topic)
    }

    pub(crate) fn room_or_new(&mut self, topic: &TopicName) -> &mut Room {
        self.rooms.entry(topic.clone()).or_default()
    }

    /// The same name, in the memory that a topic's entries share.
    pub(crate) fn share(&self, topic: TopicName) -> TopicName {
        self.rooms.get_key_value(&topic).map_or(topic, |(shared, _)| shared.clone())
    }

    /// What nodes say of an entry.
    pub(crate) fn holds(&self, id: &Id) -> &[Hold] {
        self.rooms.get(&id.topic).map_or(&[], |room| room.holds(&place(id)))
    }

    /// A node holds an entry.
    pub(crate) fn hold(&mut self, now_ms: u64, id: &Id, origin: OriginTag, state: State) {
        self.change(now_ms, id, |holds| {
            holds.retain(|hold| hold.origin != origin);
            // Mostly the only one: room for four would weigh as much as all the rest.
            holds.reserve_exact(1);
            holds.push(Hold { origin, state, is_orphan: false });
        });
    }

    /// A node holds an entry no more.
    pub(crate) fn let_go(&mut self, now_ms: u64, id: &Id, origin: OriginTag) {
        self.change(now_ms, id, |holds| holds.retain(|hold| hold.origin != origin));
    }

    /// Whether the node that holds an entry can be reached.
    pub(crate) fn set_orphan(&mut self, now_ms: u64, id: &Id, origin: OriginTag, is_orphan: bool) {
        self.change(now_ms, id, |holds| {
            holds.iter_mut().filter(|hold| hold.origin == origin).for_each(|hold| hold.is_orphan = is_orphan);
        });
    }

    pub(crate) fn change(&mut self, now_ms: u64, id: &Id, change: impl FnOnce(&mut Vec<Hold>)) {
        let room = self.rooms.entry(id.topic.clone()).or_default();
        let (more, has_changed) = room.change(place(id), change, self.changes_max);
        self.len = self.len.saturating_add_signed(more);
        if has_changed && room.is_watched() {
            let at_ms = room.waked_ms.map_or(0, |last| last + PAUSE_MS);
            if at_ms <= now_ms {
                room.waked_ms = Some(now_ms);
                room.take_wakers(&mut self.wake);
            } else {
                self.due.insert(id.topic.clone(), at_ms);
                self.next_due_ms = Some(self.next_due_ms.map_or(at_ms, |next| next.min(at_ms)));
            }
        }
        self.forget_empty(&id.topic);
    }

    pub(crate) fn forget_empty(&mut self, topic: &TopicName) {
        if self.rooms.get(topic).is_some_and(Room::is_empty) {
            self.rooms.remove(topic);
            self.due.remove(topic);
        }
    }

    /// Wakes those whose pause is over.
    pub(crate) fn wake_due(&mut self, now_ms: u64) {
        if self.next_due_ms.is_none_or(|next| next > now_ms) {
            return;
        }
        let Self { rooms, due, wake, .. } = self;
        due.retain(|topic, at_ms| {
            let is_due = *at_ms <= now_ms;
            if let Some(room) = rooms.get_mut(topic).filter(|_| is_due) {
                room.waked_ms = Some(now_ms);
                room.take_wakers(wake);
            }
            !is_due
        });
        self.next_due_ms = due.values().min().copied();
    }
}
