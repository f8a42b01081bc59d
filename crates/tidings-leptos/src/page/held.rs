//! A topic or pattern that the page holds, with those who are told of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    rc::Rc,
};

use slab::Slab;
use tidings_wire::{
    Cursor, Painted, Pattern, TopicName, Version,
    event::GapCause,
    live::{Hold, RIGHTS_CALL},
};

use super::news::{Calls, Depth, Draft, Item, News, Sink};

pub(crate) struct Held {
    pub(super) sinks: Slab<Told>,
    kept: Kept,
    /// After which the server is asked to go on; `None` begins with what is retained.
    pub(super) after: Option<Cursor>,
    pub(super) since: Since,
    /// The last call that asked for it: the answer to an earlier one says nothing of this hold.
    call: u64,
    /// What `kept` covers: an older message that an earlier component still waits for is not put behind it.
    pub(super) kept_floor: Cursor,
    /// The newest version of each State topic: an older one that comes later, from another node, changes nothing.
    newest: HashMap<TopicName, Version>,
    /// While a snapshot of a pattern is being told: the topics that it has named so far.
    fresh: Option<HashSet<TopicName>>,
    pub(super) joined: bool,
    /// It was joined and begins again, for a component that wants more of its history: the others have all that the
    /// stream's cursor covers.
    begins_again: bool,
    pub(super) refused: bool,
}

/// What is there for components that come later.
enum Kept {
    /// The newest value of each State topic; in order, so that all components of all pages see the same.
    Newest(BTreeMap<TopicName, Item>),
    /// The last items of an Events topic, and how many are wanted.
    Last(VecDeque<Item>, u32),
}

pub(super) struct Told {
    pub(super) sink: Sink,
    /// What the component has already: painted, or told.
    pub(super) floor: Cursor,
    pub(super) since: Since,
}

/// From when on a component is told of its topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// From the call that will ask for it.
    Next,
    /// From where the server begins with this call: what came before is of earlier calls, and would look as if the
    /// component had what lies below it.
    Call(u64),
    /// Now.
    Now,
}

impl Held {
    pub(super) fn new(depth: Depth, after: Option<Cursor>) -> Self {
        let kept = match depth {
            Depth::Newest => Kept::Newest(BTreeMap::new()),
            Depth::Last(count) => Kept::Last(VecDeque::new(), count),
        };
        Self {
            sinks: Slab::new(),
            kept,
            after,
            since: Since::Next,
            call: 0,
            kept_floor: Cursor::default(),
            newest: HashMap::new(),
            fresh: None,
            joined: false,
            begins_again: false,
            refused: false,
        }
    }

    /// A component comes. Says whether the server has to be asked (again).
    pub(super) fn enter(
        &mut self,
        depth: Depth,
        painted: Option<Painted>,
        sink: Sink,
        calls: &mut Calls,
    ) -> (usize, bool) {
        let deeper = match (&mut self.kept, depth) {
            (Kept::Last(_, kept), Depth::Last(wanted)) if wanted > *kept => {
                *kept = wanted;
                true
            }
            _ => false,
        };
        let mut asked = false;
        let told = match painted {
            Some(painted) => {
                // Taken over later than others of the page: what came since its paint was told to them alone.
                if self.since == Since::Now {
                    self.catch_up(&sink, &painted.cursor, calls);
                }
                Told { sink, floor: self.take_painted(painted), since: self.since }
            }
            None if deeper && self.since == Since::Now => {
                // What the page has is not enough: the topic begins again, and the others have what they have.
                self.begins_again |= self.joined;
                (self.after, self.since, self.joined) = (None, Since::Next, false);
                self.forget_kept();
                asked = true;
                Told { sink, floor: Cursor::default(), since: Since::Next }
            }
            None => {
                self.catch_up(&sink, &Cursor::default(), calls);
                Told { sink, floor: self.kept_floor.clone(), since: self.since }
            }
        };
        (self.sinks.insert(told), asked)
    }

    /// Tells a component that comes later what the page has above the component's floor.
    fn catch_up(&self, sink: &Sink, floor: &Cursor, calls: &mut Calls) {
        let mut tell = |item: &Item| {
            if item.stamp == 0 || !floor.covers(item.version.origin(), item.stamp) {
                calls.push((sink.clone(), News::Item(item.clone())));
            }
        };
        match &self.kept {
            Kept::Newest(items) => items.values().for_each(&mut tell),
            Kept::Last(items, _) => items.iter().for_each(&mut tell),
        }
        if self.refused {
            calls.push((sink.clone(), News::Refused));
        } else if self.joined {
            calls.push((sink.clone(), News::Joined));
        }
    }

    pub(super) fn request(&mut self, pattern: &Pattern, call: u64, opening: bool) -> Hold {
        self.call = call;
        // On a new stream everyone waits for its beginning; on an open one who is told goes on.
        let sinces = self.sinks.iter_mut().map(|(_, told)| &mut told.since).chain([&mut self.since]);
        for since in sinces.filter(|since| opening || **since != Since::Now) {
            *since = Since::Call(call);
        }
        let last = match &self.kept {
            Kept::Newest(_) => None,
            Kept::Last(_, count) => Some(*count),
        };
        Hold { topic: pattern.clone(), after: self.after.as_ref().map(Cursor::to_string), last }
    }

    /// The server has begun with a call.
    pub(super) fn joining(&mut self, call: u64) {
        let begins = |since: &mut Since| {
            let begins = *since == Since::Call(call);
            if begins {
                *since = Since::Now;
            }
            begins
        };
        if begins(&mut self.since) && self.after.is_none() {
            self.fresh = Some(HashSet::new());
        }
        self.sinks.iter_mut().for_each(|(_, told)| {
            begins(&mut told.since);
        });
    }

    /// A call is answered.
    pub(super) fn join(&mut self, call: u64, id: Option<&Cursor>, calls: &mut Calls) {
        if !self.is_answered_by(call) {
            return;
        }
        (self.joined, self.begins_again, self.refused) = (true, false, false);
        if let Some(id) = id {
            self.kept_floor.merge(id);
        }
        calls.extend(self.hearing().map(|sink| (sink, News::Joined)));
    }

    /// It may not be read, or not any more: from here on it hears nothing, so the stream's cursor no longer speaks of it.
    pub(super) fn refuse(&mut self, call: u64, cursor: Option<&Cursor>, calls: &mut Calls) {
        if !self.is_answered_by(call) {
            return;
        }
        self.end(cursor);
        self.refused = true;
        calls.extend(self.hearing().map(|sink| (sink, News::Refused)));
    }

    /// Whether the answer to a call is about this hold of it, and not about an earlier one.
    fn is_answered_by(&self, call: u64) -> bool {
        self.since == Since::Now && (call == self.call || call == RIGHTS_CALL)
    }

    /// The stream has ended there.
    pub(super) fn end(&mut self, cursor: Option<&Cursor>) {
        self.fresh = None;
        // Cut before any of its history was told again: without a cursor, what came meanwhile could be missed in silence
        // by those who were there. Who wanted more of the past has less of it.
        let begins_again = std::mem::take(&mut self.begins_again) && self.after.is_none();
        if !std::mem::take(&mut self.joined) && !begins_again {
            return;
        }
        match (&mut self.after, cursor) {
            (Some(after), Some(cursor)) => after.merge(cursor),
            (after, Some(cursor)) => *after = Some(cursor.clone()),
            (_, None) => {}
        }
    }

    /// A topic was told up to here. Where it has begun with what is retained and is not joined yet, it goes on from here
    /// after a cut: what is retained then may begin later.
    pub(super) fn told_up_to(&mut self, id: &Cursor) {
        if self.since == Since::Now && !self.joined && self.after.is_none() {
            self.after = Some(id.clone());
        }
    }

    /// Takes what another component was painted with. The stream begins at the earliest cursor of
    /// all; the items are those of the latest. Gives back the component's floor.
    fn take_painted(&mut self, painted: Painted) -> Cursor {
        if !self.joined {
            self.after = self.after.take().map(|after| after.earliest(&painted.cursor));
        }
        if painted.cursor.dominates(&self.kept_floor) {
            self.kept_floor = painted.cursor.clone();
            self.forget_items();
            for item in painted.items {
                // One topic names its items by itself.
                let Some(topic) = item.topic.or_else(|| painted.topic.as_topic()) else { continue };
                self.note(&topic, item.version);
                self.keep(&News::Item(Item {
                    topic,
                    version: item.version,
                    stamp: item.stamp,
                    data: item.data.into(),
                }));
            }
        }
        painted.cursor
    }

    /// Tells a message to everyone who has not got it.
    pub(super) fn tell(&mut self, topic: &TopicName, version: Version, stamp: u64, news: &News, calls: &mut Calls) {
        if self.is_older(topic, version) {
            return;
        }
        let origin = version.origin();
        let has = |floor: &Cursor| stamp > 0 && floor.covers(origin, stamp);
        let hearing = self.sinks.iter_mut().filter(|(_, told)| told.since == Since::Now);
        for (_, told) in hearing.filter(|(_, told)| !has(&told.floor)) {
            told.floor.set(origin, stamp.max(told.floor.get(origin)));
            calls.push((told.sink.clone(), news.clone()));
        }
        if self.since != Since::Now {
            return;
        }
        self.note(topic, version);
        if let Some(fresh) = &mut self.fresh {
            fresh.insert(topic.clone());
        }
        if !has(&self.kept_floor) {
            self.kept_floor.set(origin, stamp.max(self.kept_floor.get(origin)));
            self.keep(news);
        }
        if let Some(after) = &mut self.after
            && !after.covers(origin, stamp)
        {
            after.set(origin, stamp);
        }
    }

    /// Tells what a topic holds where continuity begins.
    pub(super) fn snapshot(&mut self, topic: &TopicName, version: Option<Version>, news: &News, calls: &mut Calls) {
        if let Some(version) = version {
            if self.is_older(topic, version) {
                return;
            }
            if let Some(fresh) = &mut self.fresh {
                fresh.insert(topic.clone());
            }
        }
        if self.since == Since::Now {
            if let Some(version) = version {
                self.note(topic, version);
            }
            self.keep(news);
        }
        calls.extend(self.hearing().map(|sink| (sink, news.clone())));
    }

    /// All that a pattern's topics hold has been told: what was not named is gone.
    pub(super) fn complete(&mut self, calls: &mut Calls) {
        let Some(fresh) = self.fresh.take() else { return };
        let Kept::Newest(items) = &self.kept else { return };
        let gone: Vec<_> = items.keys().filter(|topic| !fresh.contains(*topic)).cloned().collect();
        for topic in gone {
            let news = News::Nothing(topic);
            self.keep(&news);
            calls.extend(self.hearing().map(|sink| (sink, news.clone())));
        }
    }

    /// Continuity is lost, of all topics or of one of a pattern's.
    pub(super) fn gap(&mut self, topic: Option<&TopicName>, cause: GapCause, calls: &mut Calls) {
        if topic.is_none() && cause != GapCause::Limit {
            // What it holds follows.
            self.fresh = Some(HashSet::new());
        }
        if let Kept::Last(items, _) = &mut self.kept {
            // Who comes later is given no history with a hole in it. What the server still holds follows.
            items.clear();
        }
        if cause == GapCause::Rewound {
            // What the node has now may be older than what was told: nothing is a repetition any more.
            self.after = None;
            self.kept_floor = Cursor::default();
            self.sinks.iter_mut().for_each(|(_, told)| told.floor = Cursor::default());
            match topic {
                Some(topic) => drop(self.newest.remove(topic)),
                // A pattern's values stay until its snapshot is complete: some may be there still.
                None if matches!(self.kept, Kept::Newest(_)) => self.newest.clear(),
                None => self.forget_kept(),
            }
        }
        calls.extend(self.hearing().map(|sink| (sink, News::Gap(cause))));
    }

    /// Tells everyone what the page has written to a topic.
    pub(super) fn drafts(&self, topic: &TopicName, drafts: &Rc<[Draft]>, calls: &mut Calls) {
        let news = || News::Drafts(topic.clone(), drafts.clone());
        calls.extend(self.sinks.iter().map(|(_, told)| (told.sink.clone(), news())));
    }

    /// The value of a State topic.
    pub(super) fn value(&self, topic: &TopicName) -> Option<&Item> {
        match &self.kept {
            Kept::Newest(items) => items.get(topic),
            Kept::Last(..) => None,
        }
    }

    /// The newest version that was told of a State topic.
    pub(super) fn newest(&self, topic: &TopicName) -> Option<Version> {
        self.newest.get(topic).copied()
    }

    /// Those who are told now.
    fn hearing(&self) -> impl Iterator<Item = Sink> + '_ {
        self.sinks.iter().filter(|(_, told)| told.since == Since::Now).map(|(_, told)| told.sink.clone())
    }

    /// Whether a State topic's newer value has been told. Versions say nothing of Events: those come in the node's order.
    fn is_older(&self, topic: &TopicName, version: Version) -> bool {
        matches!(self.kept, Kept::Newest(_)) && self.newest(topic) > Some(version)
    }

    fn note(&mut self, topic: &TopicName, version: Version) {
        if matches!(self.kept, Kept::Newest(_)) {
            let newest = self.newest.entry(topic.clone()).or_insert(version);
            *newest = version.max(*newest);
        }
    }

    fn keep(&mut self, news: &News) {
        match (&mut self.kept, news) {
            (Kept::Newest(items), News::Item(item)) => drop(items.insert(item.topic.clone(), item.clone())),
            (Kept::Newest(items), News::Nothing(topic)) => drop(items.remove(topic)),
            (Kept::Last(items, most), News::Item(item)) => {
                items.push_back(item.clone());
                while items.len() > *most as usize {
                    items.pop_front();
                }
            }
            _ => {}
        }
    }

    fn forget_items(&mut self) {
        match &mut self.kept {
            Kept::Newest(items) => items.clear(),
            Kept::Last(items, _) => items.clear(),
        }
    }

    fn forget_kept(&mut self) {
        self.forget_items();
        self.kept_floor = Cursor::default();
        self.newest.clear();
    }
}
