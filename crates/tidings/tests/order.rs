//! Promise 1 on one node: a reader of many topics sees the node's one order, also where topics come and go.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::{
    Said, cursor_of, hub_with, join, joined, messages, pattern, poll_once, publish, read, read_up_to_here, said,
    said_of_topics, shards_have_marked, value, within,
};
use tidings::{Delivery, Hub, Reader, Start, wire::event::GapCause};

#[tokio::test]
async fn messages_of_many_topics_come_in_the_order_of_the_node() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let topics: Vec<_> = (0..10).map(|topic| format!("history/{topic}")).collect();
    let names: Vec<_> = topics.iter().map(String::as_str).collect();
    let (mut reader, _) = joined(&hub, &names, &Start::Now).await;
    let mut wanted = Vec::new();
    for step in 0..200_u64 {
        // Runs of one topic among single messages of others: some slots are cut short, others are not.
        let topic = names[(if step % 40 < 20 { 3 } else { step * 7 % 10 }) as usize];
        publish(&hub, topic, [step]);
        wanted.push(Said::Message(topic.into(), step));
    }
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
}

#[tokio::test]
async fn a_join_is_one_event_for_all_topics() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let (mut reader, _) = joined(&hub, &["history/a"], &Start::Now).await;
    publish(&hub, "history/b", 0..10);
    publish(&hub, "history/a", 10..20);
    publish(&hub, "history/b", 20..30);
    assert!(reader.join(7, vec![(pattern("history/b"), Start::RETAINED)]).is_empty());
    let mut wanted =
        [messages("history/b", 0..10), messages("history/a", 10..20), messages("history/b", 20..30)].concat();
    wanted.push(Said::Joined(7));
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
}

/// Was wrong: `Joined` comes after all that is read in the same poll, also what lies above its place.
#[tokio::test]
async fn a_join_stands_at_its_place_among_the_messages() {
    let (hub, _clock) = hub_with(|_| {});
    let mut reader = hub.reader().unwrap();
    publish(&hub, "history/a", [0]);
    assert!(reader.join(1, vec![(pattern("history/a"), Start::RETAINED)]).is_empty());
    publish(&hub, "history/a", [1]);
    assert!(reader.join(2, vec![(pattern("history/b"), Start::Now)]).is_empty());
    publish(&hub, "history/b", [2]);
    shards_have_marked().await;
    let wanted = [
        messages("history/a", [0]),
        vec![Said::Joined(1)],
        messages("history/a", [1]),
        vec![Said::Joined(2)],
        messages("history/b", [2]),
    ];
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted.concat());
}

#[tokio::test]
async fn what_was_left_is_silent_and_comes_back_from_where_it_is_joined() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let (mut reader, _) = joined(&hub, &["history/a", "history/b"], &Start::Now).await;
    publish(&hub, "history/a", 0..5);
    publish(&hub, "history/b", 5..10);
    assert!(reader.leave(&pattern("history/a")), "with five messages unread");
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("history/b", 5..10));
    publish(&hub, "history/a", 10..12);
    let cursor = hub.cursor();
    publish(&hub, "history/b", [12]);
    publish(&hub, "history/a", [13]);
    let heard = said_of_topics(&join(&mut reader, &["history/a"], &Start::After(cursor)).await);
    assert_eq!(heard, [Said::Message("history/b".into(), 12), Said::Message("history/a".into(), 13)]);
    publish(&hub, "history/a", [14]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("history/a", [14]));
}

/// Was wrong: a slot may give up to a batch, so that a page's 4,096 topics give 4,096 batches at once.
#[tokio::test]
async fn a_batch_is_about_as_long_as_the_limit_however_many_topics_there_are() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 10);
    let topics: Vec<_> = (0..100).map(|topic| format!("history/{topic}")).collect();
    let names: Vec<_> = topics.iter().map(String::as_str).collect();
    for step in 0..9 {
        names.iter().for_each(|topic| publish(&hub, topic, [step]));
    }
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, names.iter().map(|topic| (pattern(topic), Start::RETAINED)).collect()).is_empty());
    let (mut count, mut longest) = (0, 0);
    while count < 900 {
        let batch = said_of_topics(&read(&mut reader).await).len();
        longest = longest.max(batch);
        count += batch;
    }
    assert!(longest <= 20, "{longest} messages in one batch of ten");
}

/// Indexes rise over all topics, each topic is contiguous, and each join is told after all below its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_rise_over_all_topics_while_some_are_joined_and_left() {
    const EACH: u64 = 3_000;
    const TOPICS: [&str; 4] = ["history/a", "history/b", "history/c", "history/d"];
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let (mut reader, _) = joined(&hub, &TOPICS[..2], &Start::Now).await;
    let publishers = [0, 1].map(|half| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for value in 0..EACH {
                // Each publisher has two topics of its own, so that a topic's values count up.
                publish(&hub, TOPICS[half], [value]);
                publish(&hub, TOPICS[half + 2], [value]);
                if value % 8 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let mut next = BTreeMap::from([("history/a".to_owned(), 0), ("history/b".to_owned(), 0)]);
    let (mut index, mut call, mut joins) = (0, 1, 0);
    // Where the others end: they are held or not, and may begin anew.
    while next.get("history/a") != Some(&EACH) || next.get("history/b") != Some(&EACH) {
        for delivery in read(&mut reader).await {
            match delivery {
                Delivery::Message(entry) => {
                    assert!(entry.index > index, "{index}, then {entry:?}");
                    index = entry.index;
                    let value = value(&entry).unwrap();
                    let next = next.entry(entry.topic.to_string()).or_insert(value);
                    assert_eq!(value, *next, "{entry:?}");
                    *next += 1;
                }
                Delivery::Joined { .. } => joins += 1,
                other => panic!("{other:?}"),
            }
        }
        call += 1;
        if call % 3 == 0 {
            let topic = TOPICS[2 + call as usize % 2];
            if call % 2 == 0 {
                reader.leave(&pattern(topic));
            }
            // Its values go on from the join: from the place of the log where it is now.
            next.remove(topic);
            reader.leave(&pattern(topic));
            assert!(reader.join(call, vec![(pattern(topic), Start::Now)]).is_empty());
        }
    }
    for publisher in publishers {
        within(publisher).await.unwrap();
    }
    assert!(joins > 10, "{joins}");
    assert_eq!(hub.gaps(), 0);
}

/// The rule of the shards: nothing is read up to a place before all topics with entries below it are marked. A reader
/// that never sleeps looks at it all the time.
async fn nothing_is_read_past_an_unmarked_topic(topics: u64, listeners: usize, messages: u64) {
    let (hub, _clock) = hub_with(|_| {});
    let topics: Vec<_> = (0..topics).map(|topic| format!("history/{topic}")).collect();
    let start = || topics.iter().map(|topic| (pattern(topic), Start::Now)).collect::<Vec<_>>();
    let mut readers: Vec<_> = (0..=listeners).map(|_| hub.reader().unwrap()).collect();
    readers.iter_mut().for_each(|reader| assert!(reader.join(1, start()).is_empty()));
    let publisher = {
        let (hub, topics) = (hub.clone(), topics.clone());
        tokio::spawn(async move {
            for step in 0..messages {
                // Topics come again while others wait for their mark, in no order that is the marks' own.
                publish(&hub, &topics[step as usize * step as usize / 7 % topics.len()], [step]);
                if step % 256 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    let mut index = 0;
    let wait = async {
        while index < messages {
            for _ in 0..16 {
                let std::task::Poll::Ready(batch) = poll_once(&mut readers[0]) else { continue };
                for delivery in batch {
                    if let Delivery::Message(entry) = delivery {
                        assert_eq!(entry.index, index + 1, "each topic is held, so that no place is missing");
                        index = entry.index;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    };
    within(wait).await;
    within(publisher).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_past_an_unmarked_topic_while_marking_takes_long() {
    nothing_is_read_past_an_unmarked_topic(64, 50, 20_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_past_an_unmarked_topic_while_rounds_are_short() {
    nothing_is_read_past_an_unmarked_topic(3, 0, 100_000).await;
}

/// What happens, in the schedules that are made up.
#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    Clear,
    Join(BTreeMap<usize, From>),
    Leave(usize),
    Poll,
    /// The shards get their turn.
    Shards,
    /// The line is cut; the client comes back with the last cursor that it got.
    Cut,
}

#[derive(Debug, Clone)]
enum From {
    Now,
    Retained(usize),
    /// After the place that lies so far back, of all so far.
    After(prop::sample::Index),
}

/// Two short histories, a long one and a value.
const TOPICS: [&str; 4] = ["short/a", "short/b", "history/c", "value/d"];
const VALUE: usize = 3;
const KEEP: [usize; 4] = [4, 4, usize::MAX, 1];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let from = prop_oneof![
        2 => Just(From::Now),
        2 => (0..7_usize).prop_map(From::Retained),
        3 => any::<prop::sample::Index>().prop_map(From::After),
    ];
    let step = prop_oneof![
        12 => (0..TOPICS.len()).prop_map(Step::Publish),
        1 => Just(Step::Clear),
        3 => prop::collection::btree_map(0..TOPICS.len(), from, 1..=TOPICS.len()).prop_map(Step::Join),
        1 => (0..TOPICS.len()).prop_map(Step::Leave),
        5 => Just(Step::Poll),
        3 => Just(Step::Shards),
        1 => Just(Step::Cut),
    ];
    prop::collection::vec(step, 1..80)
}

/// A topic as its reader should see it.
#[derive(Debug)]
struct Held {
    /// Handed out, lost and told, or not asked for, up to here.
    upto: u64,
    /// What is let go up to here is no loss.
    promised_above: u64,
    /// A gap has to be told first, and covers what lies up to this place.
    gap: Option<u64>,
    /// A snapshot has to be told first.
    snapshot: bool,
}

impl Held {
    fn after(place: u64, gone: u64) -> Self {
        Self { upto: place, promised_above: place, gap: (gone > place).then_some(gone), snapshot: false }
    }
}

/// The slow and plain truth: everything that was ever published, and what is owed.
struct Model {
    hub: Hub,
    reader: Reader,
    /// Topic of each index, counted from 1.
    log: Vec<usize>,
    /// The node's cursor after each index, from 0.
    cursors: Vec<Box<str>>,
    held: BTreeMap<usize, Held>,
    /// Calls that have not been told, with their places.
    joining: Vec<(u64, u64)>,
    call: u64,
    /// Of the last message since the last join.
    index: u64,
    /// The last cursor that the client got.
    cursor: Option<Box<str>>,
}

impl Model {
    fn new(batch: usize) -> Self {
        let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = batch);
        let reader = hub.reader().unwrap();
        let cursors = vec![hub.cursor()];
        let (log, held, joining) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { hub, reader, log, cursors, held, joining, call: 0, index: 0, cursor: None }
    }

    fn place(&self) -> u64 {
        self.log.len() as u64
    }

    /// Indexes of a topic, from the oldest that its ring does not hold to the newest.
    fn all(&self, topic: usize) -> Vec<u64> {
        (1..=self.place()).filter(|index| self.log[*index as usize - 1] == topic).collect()
    }

    fn ring(&self, topic: usize) -> Vec<u64> {
        let all = self.all(topic);
        all[all.len().saturating_sub(KEEP[topic])..].to_vec()
    }

    /// The newest index that a topic's ring has let go. Values are replaced, not let go.
    fn gone(&self, topic: usize) -> u64 {
        let all = self.all(topic);
        if topic == VALUE { 0 } else { all.len().checked_sub(KEEP[topic].saturating_add(1)).map_or(0, |at| all[at]) }
    }

    fn published(&mut self, topic: usize) {
        self.log.push(topic);
        self.cursors.push(self.hub.cursor());
    }

    fn join(&mut self, topics: &BTreeMap<usize, From>) {
        self.call += 1;
        let place = self.place();
        let wanted = topics.iter().map(|(topic, from)| {
            let start = match from {
                From::Now => Start::Now,
                From::Retained(last) => Start::Retained { last: *last },
                From::After(at) => Start::After(at.get(&self.cursors).clone()),
            };
            (pattern(TOPICS[*topic]), start)
        });
        assert!(self.reader.join(self.call, wanted.collect()).is_empty());
        for (topic, from) in topics {
            let (ring, gone) = (self.ring(*topic), self.gone(*topic));
            let mut held = Held { upto: place, promised_above: place, gap: None, snapshot: false };
            match from {
                From::Now => {}
                From::Retained(_) if *topic == VALUE => held.snapshot = true,
                From::Retained(last) => {
                    let kept = ring.len().saturating_sub(*last);
                    held.upto = kept.checked_sub(1).map_or(gone, |at| ring[at]);
                }
                From::After(at) => held = Held::after(at.index(self.cursors.len()) as u64, gone),
            }
            self.held.insert(*topic, held);
        }
        self.joining.push((self.call, place));
        self.index = 0;
    }

    fn poll(&mut self) {
        if let std::task::Poll::Ready(batch) = poll_once(&mut self.reader) {
            assert!(!batch.is_empty(), "ready with nothing");
            batch.iter().for_each(|delivery| self.heard(delivery));
        }
    }

    fn heard(&mut self, delivery: &Delivery) {
        if let Some(cursor) = cursor_of(delivery) {
            // A cursor moves on, unless a topic that was joined late is catching up.
            if self.joining.is_empty() {
                let at = |cursor: &str| self.cursors.iter().position(|known| **known == *cursor);
                assert!(at(&cursor) >= self.cursor.as_deref().and_then(at), "the cursor went back");
            }
            self.cursor = Some(cursor);
        }
        match delivery {
            Delivery::Message(entry) => self.message(entry.topic.as_str(), entry.index),
            Delivery::Snapshot { topic, entry } => {
                let newest = self.ring(VALUE).pop();
                let held = self.held.get_mut(&VALUE).unwrap_or_else(|| panic!("{topic} is not held"));
                assert!(std::mem::take(&mut held.snapshot), "a snapshot that nobody asked for");
                assert!(entry.as_ref().is_none_or(|entry| Some(entry.index) == newest), "not the newest: {entry:?}");
                held.upto = held.upto.max(newest.unwrap_or(0));
            }
            Delivery::Gap { topic, cause } => {
                let at = topic_at(topic.as_str());
                let gone = self.gone(at);
                let held = self.held.get_mut(&at).unwrap_or_else(|| panic!("{topic} is not held"));
                if *cause == GapCause::Evicted {
                    held.upto = held.gap.take().unwrap_or_else(|| panic!("a gap on {topic} that is none"));
                } else {
                    assert_eq!(*cause, GapCause::Slow);
                    assert!(gone > held.upto.max(held.promised_above), "a gap on {topic} that is none: {held:?}");
                    held.upto = gone;
                }
            }
            Delivery::Joined { call, .. } => {
                let (wanted, place) = self.joining.remove(0);
                assert_eq!(*call, wanted, "calls are told in order");
                self.owed_nothing_up_to(place);
            }
            other => panic!("{other:?}"),
        }
    }

    fn message(&mut self, topic: &str, index: u64) {
        assert!(index > self.index, "index {} before {index}", self.index);
        self.index = index;
        if let Some((call, place)) = self.joining.first() {
            assert!(index <= *place, "{index} lies above {place}, where call {call} is still to be told");
        }
        let at = topic_at(topic);
        assert_eq!(self.log[index as usize - 1], at);
        let (all, gone) = (self.all(at), self.gone(at));
        let held = self.held.get_mut(&at).unwrap_or_else(|| panic!("{topic} is not held"));
        assert!(held.gap.is_none() && !held.snapshot, "{topic}: something is to be told first: {held:?}");
        assert!(index > held.upto, "{topic}: {index} is a double: {held:?}");
        let lost = all.iter().any(|missing| {
            at != VALUE
                && *missing > held.upto
                && *missing < index
                && (*missing > held.promised_above || *missing > gone)
        });
        assert!(!lost, "{topic}: a silent hole before {index}: {held:?}");
        assert!(at != VALUE || all.last() == Some(&index), "{topic}: {index} is not the newest value");
        held.upto = index;
    }

    /// Everything up to a place was handed out or told.
    fn owed_nothing_up_to(&self, place: u64) {
        for (topic, held) in &self.held {
            assert!(held.gap.is_none() && !held.snapshot, "{}: not told: {held:?}", TOPICS[*topic]);
            let gone = self.gone(*topic);
            let owed = self.ring(*topic).into_iter().find(|index| *index > held.upto && *index <= place);
            assert_eq!(owed, None, "{}: owed at {place}: {held:?}", TOPICS[*topic]);
            let lost = self
                .all(*topic)
                .into_iter()
                .any(|index| index <= gone.min(place) && index > held.upto.max(held.promised_above));
            assert!(!lost || *topic == VALUE, "{}: lost up to {gone} and not told: {held:?}", TOPICS[*topic]);
        }
    }

    fn cut(&mut self) {
        // A client keeps a cursor for each topic while one of them catches up; here only the one of the stream.
        let Some(cursor) = self.cursor.clone().filter(|_| self.joining.is_empty() && !self.held.is_empty()) else {
            return;
        };
        let after = self.cursors.iter().position(|known| *known == cursor).expect("a cursor of the log") as u64;
        for (topic, held) in &self.held {
            // The rule of cursors: what lies at or below the one that was passed on has been heard.
            let gone = self.gone(*topic).min(held.promised_above);
            let above = self.all(*topic).into_iter().find(|index| *index > held.upto.max(gone));
            let below = above.is_none_or(|above| above > after) || *topic == VALUE;
            assert!(below, "{}: the cursor of {after} steps over unread {above:?}", TOPICS[*topic]);
        }
        let topics: Vec<_> = self.held.keys().copied().collect();
        self.reader = self.hub.reader().unwrap();
        self.call += 1;
        let start = Start::After(cursor);
        let wanted = topics.iter().map(|topic| (pattern(TOPICS[*topic]), start.clone())).collect();
        assert!(self.reader.join(self.call, wanted).is_empty());
        for topic in topics {
            self.held.insert(topic, Held::after(after, self.gone(topic)));
        }
        self.joining.push((self.call, self.place()));
        self.index = 0;
    }

    async fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Publish(topic) => {
                    publish(&self.hub, TOPICS[topic], [self.place() + 1]);
                    self.published(topic);
                }
                Step::Clear => {
                    self.hub.clear(TOPICS[VALUE]).unwrap();
                    self.published(VALUE);
                }
                Step::Join(topics) => self.join(&topics),
                Step::Leave(topic) => {
                    let left = self.reader.leave(&pattern(TOPICS[topic]));
                    assert_eq!(left, self.held.remove(&topic).is_some());
                }
                Step::Poll => self.poll(),
                Step::Shards => tokio::task::yield_now().await,
                Step::Cut => self.cut(),
            }
        }
        // At rest nothing is owed.
        self.join(&BTreeMap::new());
        while !self.joining.is_empty() {
            let batch = read(&mut self.reader).await;
            batch.iter().for_each(|delivery| self.heard(delivery));
        }
        self.owed_nothing_up_to(self.place());
        assert_eq!(self.reader.topics().count(), self.held.len());
    }
}

fn topic_at(topic: &str) -> usize {
    TOPICS.iter().position(|known| *known == topic).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_schedule_agrees_with_the_plain_model(steps in steps(), batch in prop_oneof![1..5_usize, Just(256)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { Model::new(batch).run(steps).await });
    }
}
