//! What a page holds, without a browser: topics with their readers, where each of them stands, what it has written, and
//! what has to be asked of the server. The browser's part feeds it events and sends its requests.

mod answer;
mod attendance;
mod held;
mod news;
mod writes;

use std::{collections::HashMap, rc::Rc};

use tidings_wire::{
    Cursor, Painted, Pattern, TopicKind, TopicName, WIRE_VERSION,
    event::{Deleted, Event, Gap, GapCause, Joined, Message, Snapshot},
    live::{Change, FailureError, Open, Publish, Published},
};

#[cfg_attr(
    not(all(feature = "browser", target_arch = "wasm32")),
    allow(unused_imports, reason = "a browser asks")
)]
pub(crate) use answer::Answer;
#[cfg_attr(
    not(all(feature = "browser", target_arch = "wasm32")),
    allow(unused_imports, reason = "a browser asks")
)]
pub(crate) use news::{Calls, Depth, Draft, Fate, Item, News, Sink};
pub(crate) use writes::Write;

use attendance::Attendance;
use held::Held;
use writes::Writes;

/// Names a component's hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldId {
    pattern: Pattern,
    key: usize,
}

#[derive(Default)]
pub(crate) struct Page {
    held: HashMap<Pattern, Held>,
    /// Those among them that name more than one topic.
    wild: Vec<Pattern>,
    /// Number of the last call; calls count up over all streams of the page.
    call: u64,
    /// From the open stream's hello; `None` while there is no stream to change.
    page: Option<String>,
    /// The id of the last stream, for the server to end it: kept until a stream is open again.
    last_page: Option<String>,
    /// The newest `id:` of the open stream: what is joined stands at least here.
    cursor: Option<Cursor>,
    /// What the next call asks for.
    added: Vec<Pattern>,
    /// What nobody holds any more, unless somebody does again before the next call.
    released: Vec<Pattern>,
    writes: Writes,
    pub(crate) attendance: Attendance,
}

impl Page {
    /// A component holds a topic or pattern, with what it was painted with. What it is told at once goes to `calls`.
    pub(crate) fn hold(
        &mut self,
        pattern: &Pattern,
        depth: Depth,
        painted: Option<Painted>,
        sink: Sink,
        calls: &mut Calls,
    ) -> HoldId {
        // Let go and held again before anybody was told: nothing has happened.
        self.released.retain(|held| held != pattern);
        painted.iter().flat_map(|painted| &painted.items).for_each(|item| self.writes.see(item.version));
        let (added, wild) = (&mut self.added, &mut self.wild);
        let held = self.held.entry(pattern.clone()).or_insert_with(|| {
            added.push(pattern.clone());
            if !pattern.is_plain() {
                wild.push(pattern.clone());
            }
            Held::new(depth, painted.as_ref().map(|painted| painted.cursor.clone()))
        });
        let known = held.joined || painted.is_some();
        let (key, asked) = held.enter(depth, painted, sink.clone(), calls);
        if asked && !added.contains(pattern) {
            added.push(pattern.clone());
        }
        if let Some(topic) = pattern.as_topic().filter(|_| !known && depth == Depth::Newest) {
            // A row of a pattern becomes a component: what the pattern knows is there before the server has answered.
            let patterns = self.wild.iter().filter(|wild| wild.matches(&topic)).filter_map(|wild| self.held.get(wild));
            let item = patterns.filter_map(|held| held.value(&topic)).max_by_key(|item| item.version);
            calls.extend(item.map(|item| (sink.clone(), News::Item(item.clone()))));
        }
        for topic in self.writes.topics().filter(|topic| pattern.matches(topic)) {
            calls.push((sink.clone(), News::Drafts(topic.clone(), self.writes.drafts(topic))));
        }
        HoldId { pattern: pattern.clone(), key }
    }

    /// A component lets its topic go; the last one takes it off the stream.
    pub(crate) fn release(&mut self, hold: &HoldId, calls: &mut Calls) {
        let Some(held) = self.held.get_mut(&hold.pattern) else { return };
        held.sinks.try_remove(hold.key);
        if held.sinks.is_empty() && !self.released.contains(&hold.pattern) {
            self.released.push(hold.pattern.clone());
        }
        self.settle(calls);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.values().all(|held| held.sinks.is_empty()) && self.attendance.is_empty()
    }

    /// The request that opens a stream, with all topics.
    pub(crate) fn open(&mut self) -> Open {
        self.end();
        self.call += 1;
        self.added.clear();
        for pattern in std::mem::take(&mut self.released) {
            self.forget(&pattern);
        }
        let hold = self.held.iter_mut().map(|(pattern, held)| held.request(pattern, self.call, true)).collect();
        let presence = self.attendance.open();
        Open { wire: WIRE_VERSION, call: self.call, page: self.last_page.clone(), hold, presence }
    }

    /// The request with all changes since the last one; `None` where there are none, or no stream to change.
    pub(crate) fn change(&mut self) -> Option<Change> {
        let page = self.page.clone()?;
        let mut release = std::mem::take(&mut self.released);
        for pattern in &release {
            self.forget(pattern);
        }
        // Never asked for: the server need not hear of it.
        release.retain(|pattern| !self.added.contains(pattern));
        let added = std::mem::take(&mut self.added);
        let call = self.call + 1;
        let all = &mut self.held;
        let hold: Vec<_> =
            added.iter().filter_map(|pattern| Some(all.get_mut(pattern)?.request(pattern, call, false))).collect();
        let presence = self.attendance.change();
        if hold.is_empty() && release.is_empty() && presence.is_empty() {
            return None;
        }
        self.call = call;
        Some(Change { page, call, hold, release, presence })
    }

    fn forget(&mut self, pattern: &Pattern) {
        self.held.remove(pattern);
        self.wild.retain(|wild| wild != pattern);
    }

    /// The stream has ended: every topic notes how far it had come.
    pub(crate) fn end(&mut self) {
        let cursor = self.cursor.take();
        self.page = None;
        self.held.values_mut().for_each(|held| held.end(cursor.as_ref()));
    }

    /// An event of the stream, with the `id:` that it carried itself.
    pub(crate) fn event(&mut self, event: &Event, id: Option<Cursor>, calls: &mut Calls) {
        match event {
            Event::Hello(hello) => {
                self.page.clone_from(&hello.page);
                self.last_page.clone_from(&hello.page);
            }
            Event::Joining(joining) => self.held.values_mut().for_each(|held| held.joining(joining.call)),
            Event::Message(message) => self.message(message, calls),
            Event::Deleted(deleted) => self.deleted(deleted, calls),
            Event::Snapshot(snapshot) => self.snapshot(snapshot, calls),
            Event::Complete(complete) => {
                if let Some(held) = self.held.get_mut(&complete.pattern) {
                    held.complete(calls);
                }
            }
            Event::Gap(gap) => self.gap(gap, calls),
            // The next cursor may lie below this one.
            Event::Rewound => self.cursor = None,
            Event::Joined(joined) => self.joined(joined, id.as_ref(), calls),
            Event::Present(present) => self.attendance.present(present, calls),
            Event::Presence(diff) => self.attendance.diff(diff, calls),
            _ => {}
        }
        if let (Event::Message(Message { topic, .. }) | Event::Deleted(Deleted { topic, .. }), Some(id)) = (event, &id)
            // Of a pattern there may be values that are still to be told.
            && let Some(held) = self.held.get_mut(&Pattern::from(topic.clone()))
        {
            held.told_up_to(id);
        }
        // Messages that are told again for a topic that came later carry older ids; they say nothing of the others.
        if let Some(id) = id
            && (matches!(event, Event::Joined(_)) || self.cursor.as_ref().is_none_or(|cursor| id.dominates(cursor)))
        {
            self.cursor = Some(id);
        }
        self.settle(calls);
    }

    fn message(&mut self, message: &Message, calls: &mut Calls) {
        let (topic, version, stamp) = (&message.topic, message.version, message.stamp);
        let data: Box<_> = message.data.clone();
        self.writes.see(version);
        let item = Item { topic: topic.clone(), version, stamp, data: data.into() };
        let news = News::Item(item);
        self.holding(topic, |held| held.tell(topic, version, stamp, &news, calls));
        self.echo(topic, message.id.as_deref(), calls);
    }

    /// A write of this page may have come back.
    fn echo(&mut self, topic: &TopicName, id: Option<&str>, calls: &mut Calls) {
        if id.is_some_and(|id| self.writes.echoed(topic, id, calls)) {
            self.tell_drafts(topic, calls);
        }
    }

    fn deleted(&mut self, deleted: &Deleted, calls: &mut Calls) {
        self.writes.see(deleted.version);
        let (topic, news) = (&deleted.topic, News::Nothing(deleted.topic.clone()));
        self.holding(topic, |held| held.tell(topic, deleted.version, deleted.stamp, &news, calls));
        self.echo(topic, deleted.id.as_deref(), calls);
    }

    fn snapshot(&mut self, snapshot: &Snapshot, calls: &mut Calls) {
        let (topic, version) = (&snapshot.topic, snapshot.value.as_ref().map(|value| value.version));
        let news = match &snapshot.value {
            Some(value) => {
                self.writes.see(value.version);
                let data: Box<_> = value.data.clone();
                News::Item(Item { topic: topic.clone(), version: value.version, stamp: 0, data: data.into() })
            }
            None => News::Nothing(topic.clone()),
        };
        self.holding(topic, |held| held.snapshot(topic, version, &news, calls));
    }

    fn gap(&mut self, gap: &Gap, calls: &mut Calls) {
        if gap.cause == GapCause::Rewound {
            self.lose_accepted(&gap.topic, calls);
        }
        if let Some(held) = self.held.get_mut(&gap.topic) {
            held.gap(None, gap.cause, calls);
        }
        let Some(topic) = gap.topic.as_topic() else { return };
        for pattern in self.wild.iter().filter(|pattern| pattern.matches(&topic)) {
            if let Some(held) = self.held.get_mut(pattern) {
                held.gap(Some(&topic), gap.cause, calls);
            }
        }
    }

    fn joined(&mut self, joined: &Joined, id: Option<&Cursor>, calls: &mut Calls) {
        for pattern in &joined.live {
            if let Some(held) = self.held.get_mut(pattern) {
                held.join(joined.call, id, calls);
            }
        }
        for refused in &joined.refused {
            if let Some(held) = self.held.get_mut(&refused.topic) {
                held.refuse(joined.call, self.cursor.as_ref(), calls);
            }
        }
        joined.absent.iter().for_each(|refused| self.attendance.refuse(refused, calls));
    }

    /// Everything that the page holds and that names this topic.
    fn holding(&mut self, topic: &TopicName, mut act: impl FnMut(&mut Held)) {
        if let Some(held) = self.held.get_mut(&Pattern::from(topic.clone())) {
            act(held);
        }
        for pattern in self.wild.iter().filter(|pattern| pattern.matches(topic)) {
            if let Some(held) = self.held.get_mut(pattern) {
                act(held);
            }
        }
    }

    /// A component writes. Its value is shown at once; says whether somebody has to begin sending the topic's writes.
    pub(crate) fn write(&mut self, topic: &TopicName, write: Write, calls: &mut Calls) -> bool {
        let begin = self.writes.push(topic, write, calls);
        self.tell_drafts(topic, calls);
        begin
    }

    /// The write to send now, to be answered before the next is asked for. `None` where there is nothing more to send.
    pub(crate) fn write_request(&mut self, topic: &TopicName) -> Option<Publish> {
        self.writes.request(topic)
    }

    /// The answer to a write.
    pub(crate) fn written(
        &mut self,
        topic: &TopicName,
        id: &str,
        answer: Result<Published, FailureError>,
        calls: &mut Calls,
    ) {
        match answer {
            Ok(published) => {
                self.writes.accepted(topic, id, published);
                self.settle(calls);
            }
            Err(error) => {
                self.writes.refused(topic, id, error, calls);
                self.tell_drafts(topic, calls);
            }
        }
    }

    /// The server was not reached with a write.
    pub(crate) fn unreached(&mut self, topic: &TopicName, id: &str, why: &str, calls: &mut Calls) {
        self.writes.unreached(topic, id, why, calls);
        self.tell_drafts(topic, calls);
    }

    /// A component that wrote is gone.
    pub(crate) fn abandon(&mut self, owner: u64) {
        self.writes.abandon(owner);
    }

    fn tell_drafts(&mut self, topic: &TopicName, calls: &mut Calls) {
        let drafts: Rc<[Draft]> = self.writes.drafts(topic);
        self.holding(topic, |held| held.drafts(topic, &drafts, calls));
    }

    /// The server lost its past, and with it what it had accepted: what it has now is shown.
    fn lose_accepted(&mut self, pattern: &Pattern, calls: &mut Calls) {
        for topic in self.writes.settle(|topic, _, _| pattern.matches(topic), calls) {
            self.tell_drafts(&topic, calls);
        }
    }

    /// Ends the accepted writes that the page has seen come back, or something newer, or will never see.
    fn settle(&mut self, calls: &mut Calls) {
        if self.writes.is_empty() {
            return;
        }
        let (all, wild, cursor) = (&self.held, &self.wild, self.cursor.as_ref());
        let is_settled = |topic: &TopicName, kind: TopicKind, published: Published| {
            let plain = all.get(&Pattern::from(topic.clone()));
            let wild = wild.iter().filter(|pattern| pattern.matches(topic)).filter_map(|pattern| all.get(pattern));
            let listening = plain.into_iter().chain(wild).filter(|held| !held.sinks.is_empty() && !held.refused);
            // What an id covers was handed to everything that is joined.
            let covered = || cursor.is_some_and(|cursor| cursor.covers(published.version.origin(), published.stamp));
            let mut missing = listening.filter(|held| {
                let newer = kind == TopicKind::State && held.newest(topic) >= Some(published.version);
                !(newer || held.joined && covered())
            });
            missing.next().is_none()
        };
        for topic in self.writes.settle(is_settled, calls) {
            self.tell_drafts(&topic, calls);
        }
    }
}

#[cfg(test)]
mod tests;
