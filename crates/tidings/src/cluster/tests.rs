//! Cases that take more luck than a seed has: nodes and frames by hand.

use std::{cell::Cell, collections::VecDeque};

use tidings_wire::{Cursor, Events, OriginTag, State, Version, cursor::CURSOR_ORIGINS_MAX, event::GapCause, topics};

use super::{Beat, Cluster, Data, Envelope, Event, Frame, MemberState, Send, WireEntry};
use crate::{
    Delivery, Hub, Payload, Start,
    log::Message,
    plant::{Plant, plant},
    testing::{self, HandClock},
};

topics! {
    VALUE: State<u64> = "value";
    LOG: Events<u64> = "log" keep 1_000;
}

/// Nodes of one cluster; frames travel when they are told to.
struct Hands {
    hubs: Vec<Hub>,
    epoch: Cell<u64>,
}

impl Hands {
    fn new(names: &[&str]) -> Self {
        let hands = Self { hubs: Vec::new(), epoch: Cell::new(0) };
        let hubs = names.iter().map(|name| hands.start(name)).collect();
        Self { hubs, ..hands }
    }

    fn start(&self, name: &str) -> Hub {
        self.epoch.set(self.epoch.get() + 1);
        let hub = Hub::builder(name).expect("a plain name").build_still(self.epoch.get());
        hub.serve(VALUE);
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        hub
    }

    /// Something happens at a node, and everything that follows from it, but for the frames that do not pass.
    fn tell(&self, at: usize, event: Event, passes: &dyn Fn(usize, usize, &Frame) -> bool) {
        let mut events = VecDeque::from([(at, event)]);
        while let Some((at, event)) = events.pop_front() {
            let hub = &self.hubs[at];
            for Send { to, frame } in hub.shared.handle(event).send {
                let envelope = Envelope { node: hub.node_name().clone(), epoch: hub.epoch(), frame };
                let bytes = envelope.encode().expect("within the limit");
                for (other, _) in self.hubs.iter().enumerate().filter(|(_, hub)| to.contains(hub.node_name())) {
                    let envelope = Envelope::decode(&bytes).expect("what was encoded");
                    if passes(at, other, &envelope.frame) {
                        events.push_back((other, Event::Received(envelope)));
                    }
                }
            }
        }
    }

    fn up(&self, a: usize, b: usize, passes: &dyn Fn(usize, usize, &Frame) -> bool) {
        for (at, other) in [(a, b), (b, a)] {
            self.tell(at, Event::Up(self.hubs[other].node_name().clone()), passes);
        }
    }

    fn down(&self, at: usize, other: usize) {
        self.tell(at, Event::Down(self.hubs[other].node_name().clone(), "a test".to_owned()), &|_, _, _| true);
    }
}

/// A writes, B writes over it, and both die. C had the first from A; D had from B what A published, and nothing that B
/// did. What do C and D hold in the end?
fn in_the_end() -> [Option<u64>; 2] {
    let hands = Hands::new(&["a", "b", "c", "d"]);
    let [a, b, c, d] = [0, 1, 2, 3];
    let all = |_: usize, _: usize, _: &Frame| true;
    hands.up(a, b, &all);
    hands.up(a, c, &all);
    hands.hubs[a].publish(&VALUE.at(), &1).expect("inside all limits");
    hands.tell(a, Event::Flush, &all);
    hands.down(b, a);
    hands.down(c, a);
    hands.hubs[b].publish(&VALUE.at(), &2).expect("inside all limits");
    let of_b = hands.hubs[b].origin();
    let all_but_what_b_published =
        |_: usize, _: usize, frame: &Frame| !matches!(frame, Frame::Data(data) if data.origin == of_b.into());
    hands.up(b, d, &all_but_what_b_published);
    hands.down(d, b);
    hands.up(c, d, &all);
    // Time passes: each notices that nobody has more.
    for at in [d, c, d, c] {
        hands.tell(at, Event::Tick, &all);
    }
    [c, d].map(|at| hands.hubs[at].value(&VALUE.at()))
}

#[test]
fn a_value_that_superseded_another_stands_in_for_it() {
    assert_eq!(in_the_end(), [Some(2), Some(2)]);
}

#[test]
fn without_what_stands_in_nodes_do_not_converge() {
    plant(Some(Plant::SupersededByTheUnknown));
    let held = in_the_end();
    plant(None);
    assert_eq!(held, [Some(1), None]);
}

#[test]
fn a_frame_that_is_refused_ends_the_link_until_its_node_starts_anew() {
    let hands = Hands::new(&["a", "b"]);
    let all = |_: usize, _: usize, _: &Frame| true;
    hands.up(0, 1, &all);
    let [a, b] = &hands.hubs[..] else { unreachable!("two nodes") };
    let entry = WireEntry {
        topic: VALUE.at().name().expect("a plain name").clone(),
        clock: u64::MAX,
        stamp: 1,
        from: None,
        id: None,
        payload: Some(crate::Payload::of(&1).unwrap()),
        author: None,
    };
    let data = Data {
        origin: a.origin().into(),
        from: 0,
        to: 1,
        entries: vec![entry],
        lost: Vec::new(),
        lost_elsewhere: 0,
        deleted: 0,
    };
    let frame = |epoch, frame| Event::Received(Envelope { node: a.node_name().clone(), epoch, frame });
    hands.tell(1, frame(a.epoch(), Frame::Data(data)), &all);
    let member = b.nodes().pop().expect("a was seen");
    assert_eq!(member.state, MemberState::Incompatible);
    assert!(member.reason.is_some_and(|reason| reason.contains("clock")), "the reason says what to do");
    a.publish(&VALUE.at(), &2).expect("inside all limits");
    hands.tell(0, Event::Flush, &all);
    assert_eq!(b.value(&VALUE.at()), None, "it is not heard any more");
    hands.tell(1, frame(a.epoch() + 1, Frame::Beat(Beat::default())), &all);
    assert_eq!(b.nodes().pop().expect("a was seen").state, MemberState::Up, "another start of it");
}

/// A publishes a Signal that B has not asked for, then a value, and dies. C, who never knew A, gets from B what there is.
/// What is a reader at C told that holds all Signals?
fn told_of_what_nobody_asked_for() -> Vec<Delivery> {
    let hands = Hands::new(&["a", "b", "c"]);
    let [a, b, c] = [0, 1, 2];
    let all = |_: usize, _: usize, _: &Frame| true;
    let mut reader = hands.hubs[c].reader().expect("within the limit");
    reader.join(1, vec![("signal/*".parse().expect("a plain pattern"), Start::Now)]);
    assert!(matches!(testing::read(&mut reader)[..], [Delivery::Joined { .. }]));
    hands.up(a, b, &all);
    hands.hubs[a].broadcast("signal/new", Payload::of(&1).expect("a number")).expect("inside all limits");
    hands.hubs[a].publish(&VALUE.at(), &2).expect("inside all limits");
    hands.tell(a, Event::Flush, &all);
    hands.down(b, a);
    hands.up(b, c, &all);
    hands.tell(c, Event::Tick, &all);
    assert_eq!(hands.hubs[c].value(&VALUE.at()), Some(2), "it has what there is");
    testing::read(&mut reader)
}

#[test]
fn a_pattern_is_told_what_a_pull_may_hide_on_topics_that_nobody_knows() {
    let told = told_of_what_nobody_asked_for();
    let is_gap = |told: &Delivery| matches!(told, Delivery::Gap { topic, cause: GapCause::Lost } if topic.as_str() == "signal/*");
    assert_eq!(told.iter().filter(|told| is_gap(told)).count(), told.len(), "{told:?}");
    assert!(!told.is_empty());
}

#[test]
fn without_the_gap_of_a_pattern_a_signal_is_lost_in_silence() {
    plant(Some(Plant::PatternsNotTold));
    let told = told_of_what_nobody_asked_for();
    plant(None);
    assert!(told.is_empty(), "{told:?}");
}

/// A node that hears of more origins than a cursor lists: one message of each, a second apart.
struct Crowd {
    hub: Hub,
    clock: HandClock,
}

impl Crowd {
    fn new() -> Self {
        let clock = HandClock::default();
        let hub = Hub::builder("a").expect("a plain name").clock(clock.clone()).build_still(1);
        hub.serve(LOG);
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        Self { hub, clock }
    }

    fn apply(&self, origins: std::ops::Range<u64>) {
        let shared = &self.hub.shared;
        for nth in origins {
            self.clock.advance(1);
            let now = shared.now();
            let version = Version::from_clock(now.wall_ms << 16, OriginTag::from_low_bits(nth));
            let payload = Some(Payload::of(&nth).expect("a number"));
            let mut log = shared.log();
            let topic = shared.topic(&mut log, now, LOG.at().name().expect("a plain name")).expect("room");
            log.apply(now, &topic, Message { version, stamp: 1, from: None, id: None, payload, gap: None });
            drop(log);
            shared.handle(Event::Tick);
        }
    }

    /// What a reader is told that resumes: values, and gaps.
    fn told_after(&self, cursor: &str) -> (Vec<u64>, usize) {
        let mut reader = self.hub.reader().expect("within the limit");
        reader.join(1, vec![(LOG.at().name().expect("a plain name").into(), Start::After(cursor.into()))]);
        let (mut values, mut gaps) = (Vec::new(), 0);
        for delivery in testing::read(&mut reader) {
            match delivery {
                Delivery::Message(entry) => {
                    values.push(entry.payload.as_ref().and_then(|payload| payload.decode().ok()).expect("a number"));
                }
                Delivery::Gap { .. } => gaps += 1,
                _ => {}
            }
        }
        (values, gaps)
    }
}

#[test]
fn a_crowd_of_origins_keeps_cursors_short_and_costs_nobody_a_message() {
    let crowd = Crowd::new();
    let none_of_them = crowd.hub.cursor();
    crowd.apply(0..200);
    let oldest = crowd.hub.cursor();
    crowd.apply(200..300);
    let listed = crowd.hub.cursor().parse::<Cursor>().expect("not too long").iter().count();
    assert_eq!(listed, CURSOR_ORIGINS_MAX);
    assert_eq!(crowd.told_after(&oldest), ((200..300).collect(), 0), "it lists those that have left since");
    // That it does not list an origin may mean that its reader has seen nothing of it, or all.
    assert_eq!(crowd.told_after(&none_of_them), ((0..300).collect(), 1), "a gap, and all that is kept");
    crowd.clock.advance(61);
    let late = crowd.hub.cursor();
    crowd.hub.publish(&LOG.at(), &300).expect("inside all limits");
    assert_eq!(crowd.told_after(&late), (vec![300], 0), "what it does not list, its reader has seen");
}
