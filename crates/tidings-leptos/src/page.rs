//! What a page holds, without a browser: topics with their readers, where each of them stands, and
//! what has to be asked of the server. The browser's part feeds it events and sends its requests.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use serde_json::value::RawValue;
use slab::Slab;
use tidings_wire::{
    Cursor, Painted, Pattern, TopicName, Version, WIRE_VERSION,
    event::{Deleted, Event, GapCause, Joined, Message, Snapshot},
    live::{Change, Hold, Open},
};

/// What a component is told of its topic.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// A value or message.
    Item(Item),
    /// The topic has no value (any more).
    Nothing,
    /// Messages may be missing before what follows.
    Gap(GapCause),
    /// The topic is live: what was retained has been told.
    Joined,
    /// The topic was refused.
    Refused,
}

/// One value or message.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) version: Version,
    pub(crate) data: Rc<RawValue>,
}

/// A component's way to be told.
pub(crate) type Sink = Rc<dyn Fn(&News)>;

/// Updates and whom to tell, to be called when nothing is borrowed.
pub(crate) type Calls = Vec<(Sink, News)>;

/// How much a component wants to have of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The newest value of a State topic.
    Newest,
    /// The last so many messages of an Events topic.
    Last(u32),
}

impl Depth {
    fn items(self) -> usize {
        match self {
            Self::Newest => 1,
            Self::Last(count) => count as usize,
        }
    }
}

/// Names a component's hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldId {
    topic: TopicName,
    key: usize,
}

#[derive(Default)]
pub(crate) struct Page {
    topics: HashMap<TopicName, Held>,
    /// Number of the last call; calls count up over all streams of the page.
    call: u64,
    /// From the open stream's hello; `None` while there is no stream to change.
    page: Option<String>,
    /// The id of the last stream, for the server to end it: kept until a stream is open again.
    last_page: Option<String>,
    /// The newest `id:` of the open stream: joined topics stand at least here.
    cursor: Option<Cursor>,
    /// Topics that the next call asks for.
    added: Vec<TopicName>,
    /// Topics that nobody holds any more, unless somebody does again before the next call.
    released: Vec<TopicName>,
}

struct Held {
    sinks: Slab<Told>,
    depth: Depth,
    /// After which the server is asked to go on; `None` begins with what is retained.
    after: Option<Cursor>,
    /// The last items, for components that come later.
    items: VecDeque<Item>,
    since: Since,
    /// What the items cover: an older message that an earlier component still waits for is not put behind them.
    items_floor: Cursor,
    joined: bool,
}

struct Told {
    sink: Sink,
    /// What the component has already: painted, or told.
    floor: Cursor,
    since: Since,
}

/// From when on a component is told of its topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    /// From the call that will ask for it.
    Next,
    /// From where the server begins with this call: what came before is of earlier calls, and would look as if the
    /// component had what lies below it.
    Call(u64),
    /// Now.
    Now,
}

impl Page {
    /// A component holds a topic, with what it was painted with. What it is told at once goes to `calls`.
    pub(crate) fn hold(
        &mut self,
        topic: &TopicName,
        depth: Depth,
        painted: Option<Painted>,
        sink: Sink,
        calls: &mut Calls,
    ) -> HoldId {
        // Let go and held again before anybody was told: nothing has happened.
        self.released.retain(|name| name != topic);
        let added = &mut self.added;
        let held = self.topics.entry(topic.clone()).or_insert_with(|| {
            added.push(topic.clone());
            let after = painted.as_ref().map(|painted| painted.cursor.clone());
            Held {
                sinks: Slab::new(),
                depth,
                after,
                items: VecDeque::new(),
                items_floor: Cursor::default(),
                since: Since::Next,
                joined: false,
            }
        });
        let deeper = depth.items() > held.depth.items();
        if deeper {
            held.depth = depth;
        }
        let told = match painted {
            Some(painted) => Told { sink, floor: held.take_painted(painted), since: held.since },
            None if deeper && held.since == Since::Now => {
                // What the page has is not enough: the topic begins again, and the others have what they have.
                (held.after, held.since, held.joined) = (None, Since::Next, false);
                held.items.clear();
                held.items_floor = Cursor::default();
                if !self.added.contains(topic) {
                    self.added.push(topic.clone());
                }
                Told { sink, floor: Cursor::default(), since: Since::Next }
            }
            None => {
                calls.extend(held.items.iter().map(|item| (sink.clone(), News::Item(item.clone()))));
                if held.joined {
                    if held.items.is_empty() {
                        calls.push((sink.clone(), News::Nothing));
                    }
                    calls.push((sink.clone(), News::Joined));
                }
                Told { sink, floor: held.items_floor.clone(), since: held.since }
            }
        };
        let key = held.sinks.insert(told);
        HoldId { topic: topic.clone(), key }
    }

    /// A component lets its topic go; the last one takes it off the stream.
    pub(crate) fn release(&mut self, hold: &HoldId) {
        let Some(held) = self.topics.get_mut(&hold.topic) else { return };
        held.sinks.try_remove(hold.key);
        if held.sinks.is_empty() && !self.released.contains(&hold.topic) {
            self.released.push(hold.topic.clone());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.topics.values().all(|held| held.sinks.is_empty())
    }

    /// The request that opens a stream, with all topics.
    pub(crate) fn open(&mut self) -> Open {
        self.end();
        self.call += 1;
        self.added.clear();
        for topic in std::mem::take(&mut self.released) {
            self.topics.remove(&topic);
        }
        let hold = self.topics.iter_mut().map(|(topic, held)| held.request(topic, self.call, true)).collect();
        Open { wire: WIRE_VERSION, call: self.call, page: self.last_page.clone(), hold }
    }

    /// The request with all changes since the last one; `None` where there are none, or no stream to change.
    pub(crate) fn change(&mut self) -> Option<Change> {
        let page = self.page.clone()?;
        let mut release = std::mem::take(&mut self.released);
        for topic in &release {
            self.topics.remove(topic);
        }
        // Never asked for: the server need not hear of it.
        release.retain(|topic| !self.added.contains(topic));
        let release: Vec<_> = release.into_iter().map(Pattern::from).collect();
        let added = std::mem::take(&mut self.added);
        let call = self.call + 1;
        let topics = &mut self.topics;
        let hold: Vec<_> =
            added.iter().filter_map(|topic| Some(topics.get_mut(topic)?.request(topic, call, false))).collect();
        if hold.is_empty() && release.is_empty() {
            return None;
        }
        self.call = call;
        Some(Change { page, call, hold, release })
    }

    /// The stream has ended: every topic notes how far it had come.
    pub(crate) fn end(&mut self) {
        let cursor = self.cursor.take();
        self.page = None;
        for held in self.topics.values_mut() {
            if !std::mem::take(&mut held.joined) {
                continue;
            }
            match (&mut held.after, &cursor) {
                (Some(after), Some(cursor)) => after.merge(cursor),
                (after, Some(cursor)) => *after = Some(cursor.clone()),
                (_, None) => {}
            }
        }
    }

    /// An event of the stream, with the `id:` that it carried itself.
    pub(crate) fn event(&mut self, event: &Event, id: Option<Cursor>, calls: &mut Calls) {
        match event {
            Event::Hello(hello) => {
                self.page.clone_from(&hello.page);
                self.last_page.clone_from(&hello.page);
            }
            Event::Joining(joining) => self.joining(joining.call),
            Event::Message(message) => self.message(message, calls),
            Event::Deleted(deleted) => self.deleted(deleted, calls),
            Event::Snapshot(snapshot) => self.snapshot(snapshot, calls),
            Event::Gap(gap) => {
                if let Some(held) = self.topics.get_mut(gap.topic.as_str()) {
                    held.gap(gap.cause, calls);
                }
            }
            // The next cursor may lie below this one.
            Event::Rewound => self.cursor = None,
            Event::Joined(joined) => self.joined(joined, id.as_ref(), calls),
            _ => {}
        }
        // Messages that are told again for a topic that came later carry older ids; they say nothing of the others.
        if let Some(id) = id
            && (matches!(event, Event::Joined(_)) || self.cursor.as_ref().is_none_or(|cursor| id.dominates(cursor)))
        {
            self.cursor = Some(id);
        }
    }

    fn message(&mut self, message: &Message, calls: &mut Calls) {
        let Some(held) = self.topics.get_mut(&message.topic) else { return };
        let data: Box<RawValue> = message.data.clone();
        let item = Item { version: message.version, data: data.into() };
        held.tell(message.version, message.stamp, &News::Item(item), calls);
    }

    fn deleted(&mut self, deleted: &Deleted, calls: &mut Calls) {
        if let Some(held) = self.topics.get_mut(&deleted.topic) {
            held.tell(deleted.version, deleted.stamp, &News::Nothing, calls);
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot, calls: &mut Calls) {
        let Some(held) = self.topics.get_mut(&snapshot.topic) else { return };
        let update = match &snapshot.value {
            Some(value) => News::Item(Item { version: value.version, data: value.data.clone().into() }),
            None => News::Nothing,
        };
        if held.since == Since::Now {
            held.items.clear();
            held.keep(&update);
        }
        calls.extend(held.hearing().map(|sink| (sink, update.clone())));
    }

    fn joining(&mut self, call: u64) {
        for held in self.topics.values_mut() {
            let begins = |since: &mut Since| {
                if *since == Since::Call(call) {
                    *since = Since::Now;
                }
            };
            begins(&mut held.since);
            held.sinks.iter_mut().for_each(|(_, told)| begins(&mut told.since));
        }
    }

    fn joined(&mut self, joined: &Joined, id: Option<&Cursor>, calls: &mut Calls) {
        for topic in &joined.live {
            let Some(held) = self.topics.get_mut(topic.as_str()) else { continue };
            if held.since != Since::Now {
                // Of an earlier hold of it.
                continue;
            }
            held.joined = true;
            if let Some(id) = id {
                held.items_floor.merge(id);
            }
            calls.extend(held.hearing().map(|sink| (sink, News::Joined)));
        }
        for refused in &joined.refused {
            let Some(held) = self.topics.get(refused.topic.as_str()) else { continue };
            calls.extend(held.hearing().map(|sink| (sink, News::Refused)));
        }
    }
}

impl Held {
    fn request(&mut self, topic: &TopicName, call: u64, opening: bool) -> Hold {
        // On a new stream everyone waits for its beginning; on an open one who is told goes on.
        let sinces = self.sinks.iter_mut().map(|(_, told)| &mut told.since).chain([&mut self.since]);
        for since in sinces.filter(|since| opening || **since != Since::Now) {
            *since = Since::Call(call);
        }
        let last = match self.depth {
            Depth::Newest => None,
            Depth::Last(count) => Some(count),
        };
        Hold { topic: topic.into(), after: self.after.as_ref().map(Cursor::to_string), last }
    }

    /// Those who are told now.
    fn hearing(&self) -> impl Iterator<Item = Sink> + '_ {
        self.sinks.iter().filter(|(_, told)| told.since == Since::Now).map(|(_, told)| told.sink.clone())
    }

    /// Takes what another component was painted with. The stream begins at the earliest cursor of
    /// all; the items are those of the latest. Gives back the component's floor.
    fn take_painted(&mut self, painted: Painted) -> Cursor {
        if !self.joined {
            self.after = self.after.take().map(|after| after.earliest(&painted.cursor));
        }
        if painted.cursor.dominates(&self.items_floor) {
            self.items_floor = painted.cursor.clone();
            self.items =
                painted.items.into_iter().map(|item| Item { version: item.version, data: item.data.into() }).collect();
        }
        painted.cursor
    }

    /// Tells everyone who has not got it.
    fn tell(&mut self, version: Version, stamp: u64, update: &News, calls: &mut Calls) {
        let origin = version.origin();
        let has = |floor: &Cursor| stamp > 0 && floor.covers(origin, stamp);
        let hearing = self.sinks.iter_mut().filter(|(_, told)| told.since == Since::Now);
        for (_, told) in hearing.filter(|(_, told)| !has(&told.floor)) {
            told.floor.set(origin, stamp.max(told.floor.get(origin)));
            calls.push((told.sink.clone(), update.clone()));
        }
        if self.since != Since::Now {
            return;
        }
        if !has(&self.items_floor) {
            self.items_floor.set(origin, stamp.max(self.items_floor.get(origin)));
            self.keep(update);
        }
        if let Some(after) = &mut self.after
            && !after.covers(origin, stamp)
        {
            after.set(origin, stamp);
        }
    }

    fn keep(&mut self, update: &News) {
        match update {
            News::Item(item) => {
                self.items.push_back(item.clone());
                while self.items.len() > self.depth.items() {
                    self.items.pop_front();
                }
            }
            _ => self.items.clear(),
        }
    }

    fn gap(&mut self, cause: GapCause, calls: &mut Calls) {
        if cause == GapCause::Rewound {
            // What the node has now may be older than what was told: nothing is a repetition any more.
            self.after = None;
            self.items_floor = Cursor::default();
            self.items.clear();
            self.sinks.iter_mut().for_each(|(_, told)| told.floor = Cursor::default());
        }
        calls.extend(self.hearing().map(|sink| (sink, News::Gap(cause))));
    }
}

#[cfg(test)]
mod tests;
