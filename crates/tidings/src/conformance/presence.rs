//! Who is present among three nodes: the cases of Phoenix.Tracker, and ours.

use std::time::Duration;

use super::{
    PATIENCE, TestEngine,
    cluster::{NAMES, becomes, cut_off, heal, start, state_of, three},
    must,
};
use crate::{Hub, MemberState, Payload, Presence, PresenceChange, PresenceChanges, PresenceError, random_reference};

const ROOM: &str = "conformance/room";

fn meta(text: &str) -> Payload {
    Payload::of(text).expect("text has a JSON form")
}

/// Keys and metas of those who are here, in the list's order.
fn here(hub: &Hub) -> Vec<(String, String)> {
    let all = hub.presences(ROOM).expect("a plain name").into_iter();
    all.map(|one| (one.key.to_string(), one.meta.decode().expect("text"))).collect()
}

fn are(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(key, meta)| ((*key).to_owned(), (*meta).to_owned())).collect()
}

/// Those who watch are told until these are here.
async fn come_to(changes: &mut PresenceChanges, wanted: &[(&str, &str)]) -> Vec<PresenceChange> {
    let (mut list, mut told): (Vec<Presence>, _) = (Vec::new(), Vec::new());
    let is = |list: &[Presence]| {
        let mut held: Vec<_> = list.iter().map(|one| (one.key.to_string(), one.meta.decode().expect("text"))).collect();
        held.sort();
        held == are(wanted) && list.iter().all(|one| !one.is_fading)
    };
    // A diff before the list would be applied to nothing.
    loop {
        let change = must(&format!("{wanted:?}"), changes.next()).await;
        told.push(change.clone());
        match change {
            PresenceChange::List(all) => list = all,
            PresenceChange::Diff { joins, leaves } => {
                for one in leaves {
                    let at = list.iter().position(|held| *held == one).expect("who leaves had joined so");
                    list.remove(at);
                }
                for one in joins {
                    assert!(!list.contains(&one), "nobody joins twice");
                    list.push(one);
                }
            }
        }
        if is(&list) {
            return told;
        }
    }
}

async fn room_is(hub: &Hub, wanted: &[(&str, &str)]) {
    come_to(&mut hub.presence_changes(ROOM).expect("a plain name"), wanted).await;
}

/// Whether somebody left and did not join in the same diff: an update is not that.
fn somebody_left(told: &[PresenceChange]) -> bool {
    told.iter().any(|change| match change {
        PresenceChange::List(_) => false,
        PresenceChange::Diff { joins, leaves } => {
            leaves.iter().any(|left| joins.iter().all(|joined| joined.reference != left.reference))
        }
    })
}

/// Tracker: who is tracked on one node is seen on all, with its meta; an update is seen; who is untracked is gone.
pub async fn who_is_present_is_seen_everywhere(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let mut watchers = hubs.each_ref().map(|hub| hub.presence_changes(ROOM).expect("a plain name"));
    let ann = hubs[0].track(ROOM, "ann", meta("reads")).expect("inside all limits");
    let bob = hubs[1].track(ROOM, "bob", meta("reads")).expect("inside all limits");
    for watcher in &mut watchers {
        come_to(watcher, &[("ann", "reads"), ("bob", "reads")]).await;
    }
    ann.update(meta("types")).expect("it is held");
    for hub in &hubs {
        room_is(hub, &[("ann", "types"), ("bob", "reads")]).await;
        assert_eq!(hub.presences_of(ROOM, "bob").expect("a plain name")[0].reference, bob.reference());
        assert!(hub.presences("conformance/elsewhere").expect("a plain name").is_empty());
    }
    ann.untrack();
    drop(bob);
    for hub in &hubs {
        room_is(hub, &[]).await;
    }
}

/// Tracker: an update is one diff, the old entry left and the new one joined, here and on other nodes.
pub async fn an_update_is_one_diff(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let ann = hubs[0].track(ROOM, "ann", meta("reads")).expect("inside all limits");
    let mut watchers = Vec::new();
    for hub in &hubs {
        room_is(hub, &[("ann", "reads")]).await;
        let mut watcher = hub.presence_changes(ROOM).expect("a plain name");
        assert!(matches!(must("a list", watcher.next()).await, PresenceChange::List(all) if all.len() == 1));
        watchers.push(watcher);
    }
    ann.update(meta("types")).expect("it is held");
    for watcher in &mut watchers {
        let PresenceChange::Diff { joins, leaves } = must("a diff", watcher.next()).await else {
            panic!("a list came where a diff was to come")
        };
        let told = |of: &[Presence]| of.iter().map(|one| (one.reference, one.meta.clone())).collect::<Vec<_>>();
        assert_eq!(told(&leaves), [(ann.reference(), meta("reads"))]);
        assert_eq!(told(&joins), [(ann.reference(), meta("types"))]);
    }
}

/// Tracker: the same again is an error, and so is an update of what is not there; to untrack it does nothing. A key may
/// be present many times.
pub async fn the_same_is_tracked_once(engine: &dyn TestEngine) {
    let hub = start(engine, NAMES[0]).await;
    let page = random_reference().expect("random bytes");
    let first = hub.track_as(page, ROOM, "ann", meta("1")).expect("inside all limits");
    let again = hub.track_as(page, ROOM, "ann", meta("2"));
    assert!(matches!(again, Err(PresenceError::AlreadyTracked { .. })), "{again:?}");
    let elsewhere = hub.track_as(page, "conformance/hall", "ann", meta("3")).expect("another topic");
    let second = hub.track(ROOM, "ann", meta("4")).expect("another reference");
    assert_eq!(hub.presences_of(ROOM, "ann").expect("a plain name").len(), 2);
    let taken = hub.take_over(page, ROOM, "ann", meta("5")).expect("inside all limits");
    assert!(matches!(first.update(meta("6")), Err(PresenceError::NotPresent { .. })));
    drop(first);
    assert_eq!(hub.presences_of(ROOM, "ann").expect("a plain name").len(), 2, "what was taken over stays");
    assert!(!hub.untrack(random_reference().expect("random bytes"), ROOM, "ann"), "nobody was there");
    assert_eq!(hub.untrack_all(page), 2);
    assert!(matches!(taken.update(meta("7")), Err(PresenceError::NotPresent { .. })));
    assert!(matches!(elsewhere.update(meta("7")), Err(PresenceError::NotPresent { .. })));
    assert_eq!(here(&hub), are(&[("ann", "4")]));
    drop(second);
}

/// Tracker: a node that comes late has the list.
pub async fn a_late_node_lists_who_is_present(engine: &dyn TestEngine) {
    let (alpha, beta) = (start(engine, NAMES[0]).await, start(engine, NAMES[1]).await);
    let _ann = alpha.track(ROOM, "ann", meta("reads")).expect("inside all limits");
    let _bob = beta.track(ROOM, "bob", meta("reads")).expect("inside all limits");
    alpha.track(ROOM, "eve", meta("was here")).expect("inside all limits").untrack();
    let gamma = start(engine, NAMES[2]).await;
    assert_eq!(gamma.wait_for_nodes(2, PATIENCE).await, 2);
    // At once: who renders pages from here on knows who is there.
    assert_eq!(here(&gamma), are(&[("ann", "reads"), ("bob", "reads")]));
}

/// Promise 5: who was on a node that died leaves everywhere, once, and no other does.
pub async fn who_was_on_a_dead_node_leaves_once(engine: &dyn TestEngine) {
    let [alpha, beta, gamma] = three(engine).await;
    let _bob = beta.track(ROOM, "bob", meta("stays")).expect("inside all limits");
    let ann = alpha.track(ROOM, "ann", meta("dies")).expect("inside all limits");
    let mut watchers = [&beta, &gamma].map(|hub| hub.presence_changes(ROOM).expect("a plain name"));
    for watcher in &mut watchers {
        come_to(watcher, &[("ann", "dies"), ("bob", "stays")]).await;
    }
    engine.kill(alpha).await;
    let [at_beta, at_gamma] = &mut watchers;
    assert!(leaves_of(at_beta, "ann").await.is_fading, "it greyed out first");
    // Who did not read meanwhile is told all of it at once.
    leaves_of(at_gamma, "ann").await;
    for hub in [&beta, &gamma] {
        assert_eq!(here(hub), are(&[("bob", "stays")]));
    }
    drop(ann);
}

/// Who leaves next; it has to be this one. What joins, and what only changes, is passed over.
async fn leaves_of(watcher: &mut PresenceChanges, key: &str) -> Presence {
    loop {
        let PresenceChange::Diff { joins, leaves } = must("a leave", watcher.next()).await else { continue };
        let is_gone = |left: &Presence| joins.iter().all(|joined| joined.reference != left.reference);
        if let Some(left) = leaves.into_iter().find(is_gone) {
            assert_eq!(&*left.key, key);
            return left;
        }
    }
}

/// A page whose node dies and that is back elsewhere within the grace never left.
pub async fn a_page_that_moves_never_left(engine: &dyn TestEngine) {
    let [alpha, beta, gamma] = three(engine).await;
    let page = random_reference().expect("random bytes");
    let at_alpha = alpha.track_as(page, ROOM, "ann", meta("1")).expect("inside all limits");
    let mut watcher = gamma.presence_changes(ROOM).expect("a plain name");
    let mut told = come_to(&mut watcher, &[("ann", "1")]).await;
    engine.kill(alpha).await;
    let at_beta = beta.track_as(page, ROOM, "ann", meta("2")).expect("inside all limits");
    told.extend(come_to_again(&mut watcher, "2").await);
    becomes(&gamma, "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
    // What the dead node held is over when its grace is: a later change comes behind that.
    let grace = Duration::from_millis(gamma.limits().presence_grace_ms);
    let over = tokio::time::Instant::now() + grace;
    let mut number = 2;
    while tokio::time::Instant::now() < over {
        number += 1;
        at_beta.update(meta(&number.to_string())).expect("it is held");
        told.extend(come_to_again(&mut watcher, &number.to_string()).await);
    }
    assert!(!somebody_left(&told), "{told:?}");
    assert_eq!(here(&gamma), are(&[("ann", &number.to_string())]));
    drop(at_alpha);
}

/// Diffs come until somebody joins with this meta.
async fn come_to_again(watcher: &mut PresenceChanges, wanted: &str) -> Vec<PresenceChange> {
    let mut told = Vec::new();
    loop {
        let change = must(wanted, watcher.next()).await;
        let (PresenceChange::List(joins) | PresenceChange::Diff { joins, .. }) = &change;
        let is_there = joins.iter().any(|one| one.meta == meta(wanted));
        told.push(change);
        if is_there {
            return told;
        }
    }
}

/// Tracker: a node that is cut off and comes back in the same start has its entries again, and all lists are equal; what
/// changed on either side meanwhile is known to both.
pub async fn lists_are_equal_after_a_partition(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let ann = hubs[0].track(ROOM, "ann", meta("1")).expect("inside all limits");
    let bob = hubs[1].track(ROOM, "bob", meta("1")).expect("inside all limits");
    for hub in &hubs {
        room_is(hub, &[("ann", "1"), ("bob", "1")]).await;
    }
    cut_off(engine, &hubs).await;
    ann.update(meta("2")).expect("it is held");
    drop(bob);
    let _eve = hubs[2].track(ROOM, "eve", meta("2")).expect("inside all limits");
    heal(engine, &hubs).await;
    for hub in &hubs {
        room_is(hub, &[("ann", "2"), ("eve", "2")]).await;
    }
}

/// Tracker: a node that begins again under its name starts clean.
pub async fn another_start_brings_no_old_entries(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let old = alpha.track(ROOM, "ann", meta("old")).expect("inside all limits");
    room_is(&beta, &[("ann", "old")]).await;
    engine.kill(alpha).await;
    becomes(&beta, "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
    let alpha = start(engine, NAMES[0]).await;
    let _new = alpha.track(ROOM, "ann", meta("new")).expect("inside all limits");
    for hub in [&alpha, &beta] {
        room_is(hub, &[("ann", "new")]).await;
    }
    drop(old);
}

/// Tracker: who was on a node that leaves in order is gone at once, but for pages, which may come back elsewhere.
pub async fn a_node_that_leaves_hands_its_pages_over(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let page = random_reference().expect("random bytes");
    let _actor = alpha.track(ROOM, "actor", meta("ends")).expect("inside all limits");
    let at_alpha = alpha.track_as(page, ROOM, "ann", meta("1")).expect("inside all limits");
    let mut watcher = beta.presence_changes(ROOM).expect("a plain name");
    come_to(&mut watcher, &[("actor", "ends"), ("ann", "1")]).await;
    must("a goodbye", alpha.leave()).await;
    let told = leaves_of(&mut watcher, "actor").await;
    assert!(!told.is_fading, "it did not wait");
    drop(at_alpha);
    let _at_beta = beta.track_as(page, ROOM, "ann", meta("2")).expect("inside all limits");
    assert!(!somebody_left(&come_to_again(&mut watcher, "2").await));
    assert_eq!(here(&beta), are(&[("ann", "2")]));
}

/// A storm is few diffs: ten thousand who leave at once are not told one by one.
pub async fn a_storm_is_few_diffs(engine: &dyn TestEngine) {
    const MANY: usize = 10_000;
    let (alpha, beta) = (start(engine, NAMES[0]).await, start(engine, NAMES[1]).await);
    let crowd: Vec<_> = (0..MANY)
        .map(|number| alpha.track(ROOM, &number.to_string(), meta("here")).expect("inside all limits"))
        .collect();
    let mut watcher = beta.presence_changes(ROOM).expect("a plain name");
    let counts = |change: &PresenceChange| match change {
        PresenceChange::List(all) => (all.len(), 0, true),
        PresenceChange::Diff { joins, leaves } => (joins.len(), leaves.len(), false),
    };
    let mut here = 0;
    while here < MANY {
        let (joined, _, is_list) = counts(&must("the crowd", watcher.next()).await);
        here = if is_list { joined } else { here + joined };
    }
    drop(crowd);
    let mut told = 0;
    while here > 0 {
        let (joined, left, is_list) = counts(&must("that they left", watcher.next()).await);
        here = if is_list { joined } else { here + joined - left };
        told += 1;
    }
    assert!(told < 1_000, "{told} diffs of {MANY} leaves");
}
