//! What the page has written and has not seen come back.
//!
//! Writes to one topic go out one after the other: the next one carries the version of the one before, so that it lies
//! above it on any node. A write is tried again under its id until it is answered; it ends when what the page shows is
//! at least as new, which [`Page`](super::Page) decides.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
};

use serde_json::value::RawValue;
use tidings_wire::{
    TopicKind, TopicName, Version,
    live::{FailureError, Publish, Published},
};

use super::news::{Calls, Draft, Fate, News, Sink};

/// Writes that may wait on one topic: a page that is this far behind has lost its server, and has to say so.
const WRITES_MAX: usize = 64;

/// A write of a component.
pub(crate) struct Write {
    /// Random: the same in each try.
    pub(crate) id: Rc<str>,
    pub(crate) kind: TopicKind,
    /// `None` clears the topic.
    pub(crate) data: Option<Box<RawValue>>,
    /// Which component: see [`Writes::abandon`].
    pub(crate) owner: u64,
    /// Told how it fares.
    pub(crate) sink: Sink,
}

#[derive(Default)]
pub(crate) struct Writes {
    topics: HashMap<TopicName, VecDeque<Written>>,
    /// Topics whose writes somebody is sending.
    sending: HashSet<TopicName>,
    /// The highest version that the page has seen, of any topic.
    seen: Option<Version>,
}

struct Written {
    draft: Draft,
    kind: TopicKind,
    owner: u64,
    sink: Sink,
    stage: Stage,
    /// Its component is there: otherwise it is not tried again.
    wanted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Sent,
    Accepted(Published),
}

impl Written {
    fn end(self, fate: Fate, calls: &mut Calls) {
        calls.push((self.sink, News::Write(fate)));
    }
}

impl Writes {
    /// Notes a version that the page has seen.
    pub(crate) fn see(&mut self, version: Version) {
        self.seen = self.seen.max(Some(version));
    }

    /// Takes a write. Says whether somebody has to begin sending this topic's writes.
    pub(crate) fn push(&mut self, topic: &TopicName, write: Write, calls: &mut Calls) -> bool {
        let queue = self.topics.entry(topic.clone()).or_default();
        let Write { id, kind, data, owner, sink } = write;
        if kind == TopicKind::State {
            // The newer value stands for those that nobody has sent.
            while queue.back().is_some_and(|last| last.stage == Stage::Waiting) {
                if let Some(last) = queue.pop_back() {
                    last.end(Fate::Done, calls);
                }
            }
        }
        if queue.len() == WRITES_MAX {
            let message =
                format!("{WRITES_MAX} writes to {topic} wait for the server already: try again when it answers");
            calls.push((sink, News::Write(Fate::Failed(FailureError { code: "too-many-writes".to_owned(), message }))));
            return false;
        }
        let draft = Draft { id, data: data.map(Rc::from) };
        queue.push_back(Written { draft, kind, owner, sink, stage: Stage::Waiting, wanted: true });
        self.sending.insert(topic.clone())
    }

    /// The request to send now: the one that was not answered, or the next. `None` ends the sending.
    pub(crate) fn request(&mut self, topic: &TopicName) -> Option<Publish> {
        let queue = self.topics.get_mut(topic).map(|queue| queue.iter_mut());
        let next = queue.and_then(|mut queue| queue.find(|written| !matches!(written.stage, Stage::Accepted(_))));
        let Some(next) = next else {
            self.sending.remove(topic);
            return None;
        };
        next.stage = Stage::Sent;
        let data = next.draft.data.as_deref().map(RawValue::to_owned);
        Some(Publish { topic: topic.clone(), id: (*next.draft.id).into(), seen: self.seen, data })
    }

    /// The server was not reached: the write is sent again, unless its component is gone.
    pub(crate) fn unreached(&mut self, topic: &TopicName, id: &str, why: &str, calls: &mut Calls) {
        let Some(written) = self.find(topic, id) else { return };
        if written.wanted {
            calls.push((written.sink.clone(), News::Write(Fate::Unreached)));
        } else {
            let error = FailureError { code: "unreached".to_owned(), message: why.to_owned() };
            self.end(topic, |written| &*written.draft.id == id, &Fate::Failed(error), calls);
        }
    }

    /// The server took the write.
    pub(crate) fn accepted(&mut self, topic: &TopicName, id: &str, published: Published) {
        self.see(published.version);
        if let Some(written) = self.find(topic, id) {
            written.stage = Stage::Accepted(published);
        }
    }

    /// The server refused the write.
    pub(crate) fn refused(&mut self, topic: &TopicName, id: &str, error: FailureError, calls: &mut Calls) {
        self.end(topic, |written| &*written.draft.id == id, &Fate::Failed(error), calls);
    }

    /// The write came back.
    pub(crate) fn echoed(&mut self, topic: &TopicName, id: &str, calls: &mut Calls) -> bool {
        self.end(topic, |written| &*written.draft.id == id, &Fate::Done, calls)
    }

    /// Ends the accepted writes of which this holds; says of which topics.
    pub(crate) fn settle(
        &mut self,
        is_settled: impl Fn(&TopicName, TopicKind, Published) -> bool,
        calls: &mut Calls,
    ) -> Vec<TopicName> {
        let topics: Vec<_> = self.topics.keys().cloned().collect();
        let settled = |topic: &TopicName, written: &Written| match written.stage {
            Stage::Accepted(published) => is_settled(topic, written.kind, published),
            _ => false,
        };
        topics
            .into_iter()
            .filter(|topic| self.end(topic, |written| settled(topic, written), &Fate::Done, calls))
            .collect()
    }

    /// A component is gone: what it wrote is sent once more at most.
    pub(crate) fn abandon(&mut self, owner: u64) {
        self.topics.values_mut().flatten().filter(|written| written.owner == owner).for_each(|written| {
            written.wanted = false;
        });
    }

    /// What is not confirmed of a topic, oldest first.
    pub(crate) fn drafts(&self, topic: &TopicName) -> Rc<[Draft]> {
        self.topics.get(topic).into_iter().flatten().map(|written| written.draft.clone()).collect()
    }

    /// Topics with writes that are not confirmed.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    fn find(&mut self, topic: &TopicName, id: &str) -> Option<&mut Written> {
        self.topics.get_mut(topic)?.iter_mut().find(|written| &*written.draft.id == id)
    }

    fn end(&mut self, topic: &TopicName, ends: impl Fn(&Written) -> bool, fate: &Fate, calls: &mut Calls) -> bool {
        let Some(queue) = self.topics.get_mut(topic) else { return false };
        let before = queue.len();
        for written in std::mem::take(queue) {
            if ends(&written) {
                written.end(fate.clone(), calls);
            } else {
                queue.push_back(written);
            }
        }
        let ended = queue.len() < before;
        if queue.is_empty() {
            self.topics.remove(topic);
        }
        ended
    }
}
