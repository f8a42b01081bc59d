//! Merging: whatever the order, and whether by changes or by lists, the same comes of it.

use proptest::prelude::*;
use tidings_wire::{NodeName, OriginTag, TopicName};

use super::{Changes, Core, Happened, How, Id, Presence, Reference, Word, room::Room};
use crate::{Limits, Payload, log::Now};

const NODES: [&str; 3] = ["a", "b", "c"];

/// One thing that happens at a node: who, and what becomes of it.
#[derive(Debug, Clone, Copy)]
enum Act {
    Track,
    Update(u8),
    Drop,
    Untrack,
}

fn acts() -> impl Strategy<Value = Vec<(usize, u8, Act)>> {
    let act = prop_oneof![Just(Act::Track), any::<u8>().prop_map(Act::Update), Just(Act::Drop), Just(Act::Untrack)];
    // Few references: the same one is often held by two nodes.
    prop::collection::vec((0..NODES.len(), 0..5_u8, act), 0..60)
}

fn now(ms: u64) -> Now {
    Now { wall_ms: ms, monotonic_ms: ms }
}

fn id(who: u8) -> Id {
    let reference = Reference::from_bytes([who; 16]);
    Id { reference, topic: TopicName::new("room").unwrap(), key: format!("guest{}", who % 2).into() }
}

fn origin(node: usize) -> OriginTag {
    OriginTag::of(&NodeName::new(NODES[node]).unwrap(), 1)
}

fn core(of: &str, limits: &Limits) -> Core {
    let mut core = Core::new(OriginTag::of(&NodeName::new(of).unwrap(), 1), limits);
    for node in NODES {
        core.happened(limits, now(0), Happened::Up(NodeName::new(node).unwrap()), &mut Vec::new()).unwrap();
    }
    core
}

fn hear(core: &mut Core, limits: &Limits, node: usize, frame: Changes) {
    let said = Happened::Said(NodeName::new(NODES[node]).unwrap(), origin(node), Word::Changes(frame));
    core.happened(limits, now(1_000), said, &mut Vec::new()).unwrap();
}

fn list(core: &Core) -> Vec<Presence> {
    core.table.room(&TopicName::new("room").unwrap()).map_or_else(Vec::new, Room::list)
}

proptest! {
    /// Commutative, associative, idempotent; deltas and full states agree.
    #[test]
    fn order_repetition_and_lists_make_no_difference(
        acts in acts(),
        order in prop::collection::vec((0..NODES.len(), any::<bool>()), 0..200),
        gone_max in 0..4_usize,
    ) {
        let limits = Limits { presence_gone_max: gone_max, ..Limits::default() };
        let mut nodes = NODES.map(|node| core(node, &limits));
        let mut frames: [Vec<Changes>; 3] = Default::default();
        for (ms, (node, who, act)) in (1..).zip(acts) {
            let (own, id) = (&mut nodes[node], id(who));
            let head = own.own.head;
            let handle = own.own.get(&id).map_or(0, |owned| owned.handle);
            let how = How { may_return: who != 0, takes_over: true };
            match act {
                Act::Track => drop(own.track(&limits, now(ms), &id, Payload::of(&ms).unwrap(), how)),
                Act::Update(meta) => drop(own.update(&limits, now(ms), &id, handle, Payload::of(&meta).unwrap())),
                Act::Drop => own.dropped(&limits, now(ms), &id, handle),
                Act::Untrack => drop(own.untrack(now(ms), &id, None)),
            }
            if own.own.head > head {
                // As a flush does: below the floor only a list says it.
                let from = if own.own.floor > head { 0 } else { head };
                frames[node].extend(own.own.above(from, usize::MAX));
            }
        }
        // By changes, each node's in their order and the nodes' in any, some of them twice.
        let mut by_changes = core("d", &limits);
        let mut at = [0; 3];
        let rest = (0..NODES.len()).flat_map(|node| std::iter::repeat_n((node, false), frames[node].len()));
        for (node, twice) in order.into_iter().chain(rest.collect::<Vec<_>>()) {
            if let Some(frame) = frames[node].get(at[node]) {
                at[node] += 1;
                hear(&mut by_changes, &limits, node, frame.clone());
                if twice {
                    hear(&mut by_changes, &limits, node, frame.clone());
                }
            }
        }
        // By lists, the last node's first.
        let mut by_lists = core("e", &limits);
        for (node, core) in nodes.iter().enumerate().rev() {
            for frame in core.own.above(0, usize::MAX) {
                hear(&mut by_lists, &limits, node, frame);
            }
        }
        prop_assert_eq!(list(&by_changes), list(&by_lists));
        // And over what was there: a list is all that there is.
        for (node, core) in nodes.iter().enumerate() {
            for frame in core.own.above(0, usize::MAX) {
                hear(&mut by_changes, &limits, node, frame);
            }
        }
        prop_assert_eq!(list(&by_changes), list(&by_lists));
        for one in list(&by_lists) {
            let id = Id { reference: one.reference, topic: TopicName::new("room").unwrap(), key: one.key.clone() };
            let held = nodes.iter().filter_map(|core| core.own.get(&id)).map(|owned| &owned.state);
            let best = held.max_by_key(|state| (!state.is_fading, state.version)).unwrap();
            prop_assert_eq!((&one.meta, one.is_fading), (&best.meta, best.is_fading));
        }
    }
}

/// A page that is lost from the middle of a list is asked for, and the list is not through before it has come.
#[test]
fn a_long_list_comes_in_pages() {
    const MANY: usize = 2_000;
    let limits = Limits { page_presences_max: MANY, presence_gone_max: 0, ..Limits::default() };
    let (mut a, mut d) = (core("a", &limits), core("d", &limits));
    let how = How { may_return: false, takes_over: false };
    let named = |number: usize| Id { key: number.to_string().into(), ..id(1) };
    // Something that is gone by the time of the list, and of which nothing is remembered.
    a.track(&limits, now(1), &named(MANY), Payload::of(&0).unwrap(), how).unwrap();
    a.own.above(0, 1).into_iter().for_each(|frame| hear(&mut d, &limits, 0, frame));
    a.untrack(now(1), &named(MANY), None);
    for number in 0..MANY {
        a.track(&limits, now(1), &named(number), Payload::of(&0).unwrap(), how).unwrap();
    }
    let mut pages = a.own.above(0, usize::MAX);
    assert_eq!(pages.len(), MANY.div_ceil(crate::cluster::FRAME_ENTRIES_MAX));
    let lost = pages.remove(1);
    let from = lost.from;
    pages.into_iter().for_each(|page| hear(&mut d, &limits, 0, page));
    assert_eq!(list(&d).len(), crate::cluster::FRAME_ENTRIES_MAX + 1, "nothing behind the hole, and nobody has left");
    for page in a.own.above(from, usize::MAX) {
        hear(&mut d, &limits, 0, page);
    }
    assert_eq!(list(&d).len(), MANY);
    assert_eq!(list(&d), list(&a));
}

/// A node that begins takes no visitors before it knows who is there: also where nobody is, which has to be told.
#[test]
fn who_comes_late_has_caught_up_once_it_has_every_list() {
    let limits = Limits::default();
    let (mut a, mut d) = (core("a", &limits), core("d", &limits));
    let how = How { may_return: false, takes_over: false };
    a.track(&limits, now(1), &id(1), Payload::of(&0).unwrap(), how).unwrap();
    let tell = |d: &mut Core, node: usize, head: u64, digest: u64| {
        let said = Happened::Said(NodeName::new(NODES[node]).unwrap(), origin(node), Word::Head { head, digest });
        d.happened(&limits, now(1), said, &mut Vec::new()).unwrap();
    };
    assert!(!d.has_caught_up(), "nobody has told anything");
    tell(&mut d, 1, 0, 0);
    tell(&mut d, 2, 0, 0);
    assert!(!d.has_caught_up(), "one has not");
    tell(&mut d, 0, a.own.head, a.own.digest);
    assert!(!d.has_caught_up(), "it has told that somebody is there");
    a.own.above(0, usize::MAX).into_iter().for_each(|frame| hear(&mut d, &limits, 0, frame));
    assert!(d.has_caught_up());
    d.happened(&limits, now(2), Happened::Down(NodeName::new("b").unwrap()), &mut Vec::new()).unwrap();
    assert!(d.has_caught_up(), "who is down is not waited for");

    // Whom nobody has asked yet tells again that it has nothing.
    let mut b = core("b", &limits);
    for ms in [1_000, 2_000, 3_000] {
        let mut send = Vec::new();
        b.flush(now(ms), &mut send);
        assert!(send.iter().any(|send| send.to.len() == NODES.len()), "{send:?}");
    }
}

/// What goes beyond twice a limit ends the link, and says which.
#[test]
fn a_peer_that_brings_too_much_is_refused() {
    let (large, small) = (Limits::default(), Limits { presence_meta_bytes_max: 8, ..Limits::default() });
    let (mut a, mut d) = (core("a", &large), core("d", &small));
    let how = How { may_return: false, takes_over: false };
    a.track(&large, now(1), &id(1), Payload::of(&"x".repeat(15)).unwrap(), how).unwrap();
    let frame = a.own.above(0, 1).remove(0);
    let said = Happened::Said(NodeName::new("a").unwrap(), origin(0), Word::Changes(frame));
    let refusal = d.happened(&small, now(2), said, &mut Vec::new()).unwrap_err();
    assert!(refusal.0.contains("presence_meta_bytes_max"), "{refusal:?}");
    assert!(list(&d).is_empty());
}
