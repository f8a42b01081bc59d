//! Presence: graces, limits, what those who watch are told; and a link that failed one way.

use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::Stream as _;
use tidings::{
    Hub, MemberState, Payload, Presence, PresenceChange, PresenceChanges, PresenceError, Reference, testing,
};

fn meta(text: &str) -> Payload {
    Payload::of(text).unwrap()
}

fn page(number: u8) -> Reference {
    Reference::from_bytes([number; 16])
}

/// What a watcher is told without waiting.
fn told(changes: &mut PresenceChanges) -> Option<PresenceChange> {
    match std::pin::Pin::new(changes).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(change) => change,
        Poll::Pending => None,
    }
}

fn keys(of: &[Presence]) -> Vec<String> {
    of.iter().map(|one| format!("{}{}", one.key, if one.is_fading { " fades" } else { "" })).collect()
}

fn here(hub: &Hub) -> Vec<String> {
    keys(&hub.presences("room").unwrap())
}

#[test]
fn a_page_fades_and_leaves_when_its_grace_is_over() {
    let (hub, clock) = testing::hub("alpha");
    drop(hub.track_as(page(1), "room", "ann", meta("1")).unwrap());
    assert_eq!(here(&hub), ["ann fades"]);
    clock.advance_ms(4_999);
    assert_eq!(here(&hub), ["ann fades"]);
    clock.advance_ms(1);
    assert!(here(&hub).is_empty());
}

#[test]
fn a_page_that_is_back_within_its_grace_stays() {
    let (hub, clock) = testing::hub("alpha");
    drop(hub.track_as(page(1), "room", "ann", meta("1")).unwrap());
    clock.advance(4);
    let back = hub.track_as(page(1), "room", "ann", meta("2")).unwrap();
    clock.advance(100);
    assert_eq!(here(&hub), ["ann"]);
    back.untrack();
    assert!(here(&hub).is_empty(), "who untracks has no grace");
}

#[test]
fn what_nobody_can_come_back_to_leaves_at_once() {
    let (hub, _clock) = testing::hub("alpha");
    drop(hub.track("room", "actor", meta("1")).unwrap());
    assert!(here(&hub).is_empty());
}

#[test]
fn three_tabs_are_one_person_with_three_entries() {
    let (hub, _clock) = testing::hub("alpha");
    let mut tabs: Vec<_> = (1..=3).map(|tab| hub.track_as(page(tab), "room", "ann", meta("here")).unwrap()).collect();
    let bob = hub.track("room", "bob", meta("here")).unwrap();
    assert_eq!(hub.presences_of("room", "ann").unwrap().len(), 3);
    tabs.drain(..2).for_each(tidings::Tracked::untrack);
    assert_eq!(here(&hub), ["ann", "bob"]);
    assert_eq!(hub.presences_of("room", "ann").unwrap()[0].reference, page(3));
    drop(bob);
}

#[test]
fn the_list_comes_first_and_what_came_and_went_is_not_told() {
    let (hub, clock) = testing::hub("alpha");
    let ann = hub.track("room", "ann", meta("1")).unwrap();
    let mut changes = hub.presence_changes("room").unwrap();
    let bob = hub.track("room", "bob", meta("1")).unwrap();
    let Some(PresenceChange::List(all)) = told(&mut changes) else { panic!("the list") };
    assert_eq!(keys(&all), ["ann", "bob"]);
    assert_eq!(told(&mut changes), None);
    drop(hub.track("room", "eve", meta("1")).unwrap());
    ann.update(meta("1")).unwrap();
    assert_eq!(told(&mut changes), None, "eve came and went, and ann is as she was");
    ann.update(meta("2")).unwrap();
    ann.update(meta("3")).unwrap();
    drop(bob);
    let Some(PresenceChange::Diff { joins, leaves }) = told(&mut changes) else { panic!("a diff") };
    let metas = |of: &[Presence]| of.iter().map(|one| format!("{} {}", one.key, one.meta.as_str())).collect::<Vec<_>>();
    assert_eq!(
        (metas(&joins), metas(&leaves)),
        (vec!["ann \"3\"".into()], vec!["ann \"1\"".into(), "bob \"1\"".into()])
    );
    clock.advance(1);
    assert_eq!(told(&mut changes), None);
}

#[test]
fn who_is_too_slow_is_told_the_list_anew() {
    let (hub, _clock) = testing::hub_with("alpha", |limits| limits.presence_changes_max = 3);
    let (mut slow, mut quick) = (hub.presence_changes("room").unwrap(), hub.presence_changes("room").unwrap());
    let lists = [told(&mut slow), told(&mut quick)];
    assert!(lists.iter().all(|list| *list == Some(PresenceChange::List(Vec::new()))), "{lists:?}");
    let mut held = Vec::new();
    for key in ["a", "b", "c"] {
        held.push(hub.track("room", key, meta("1")).unwrap());
        assert!(matches!(told(&mut quick), Some(PresenceChange::Diff { .. })));
    }
    assert!(matches!(told(&mut slow), Some(PresenceChange::Diff { joins, .. }) if joins.len() == 3), "all are kept");
    for key in ["d", "e", "f", "g"] {
        held.push(hub.track("room", key, meta("1")).unwrap());
        assert!(matches!(told(&mut quick), Some(PresenceChange::Diff { .. })));
    }
    assert!(matches!(told(&mut slow), Some(PresenceChange::List(all)) if all.len() == 7));
    assert_eq!(told(&mut slow), None);
}

#[test]
fn limits_refuse_and_say_which() {
    let (hub, _clock) = testing::hub_with("alpha", |limits| {
        limits.presence_meta_bytes_max = 10;
        limits.page_presences_max = 2;
        limits.topic_presences_max = 3;
        limits.presences_max = 4;
    });
    let track = |number: u8, topic: &str, key: &str, text: &str| hub.track_as(page(number), topic, key, meta(text));
    assert!(matches!(track(1, "room", "ann", "123456789"), Err(PresenceError::MetaTooLarge { bytes: 11, max: 10 })));
    assert!(matches!(track(1, "room", &"k".repeat(129), "1"), Err(PresenceError::KeyTooLong { bytes: 129, max: 128 })));
    assert!(matches!(track(1, "no such//name", "ann", "1"), Err(PresenceError::Name(_))));
    let first = track(1, "room", "ann", "12345678").unwrap();
    assert!(matches!(first.update(meta("123456789")), Err(PresenceError::MetaTooLarge { .. })));
    assert!(matches!(track(1, "room", "ann", "1"), Err(PresenceError::AlreadyTracked { .. })));
    let _second = track(1, "hall", "ann", "1").unwrap();
    assert!(matches!(track(1, "yard", "ann", "1"), Err(PresenceError::TooManyOfPage { max: 2 })));
    let _third = track(2, "room", "bob", "1").unwrap();
    let fourth = track(3, "room", "eve", "1").unwrap();
    assert!(matches!(track(4, "hall", "eve", "1"), Err(PresenceError::TooMany { max: 4 })));
    hub.untrack(page(1), "hall", "ann");
    assert!(matches!(track(4, "room", "joe", "1"), Err(PresenceError::TooManyOfTopic { max: 3, .. })));
    // What is refused leaves nothing behind, and there is room again when somebody leaves.
    assert_eq!(here(&hub), ["ann", "bob", "eve"]);
    fourth.untrack();
    assert!(track(4, "room", "joe", "1").is_ok());
}

/// A node alone has no ticks of a cluster: a task of its own ends the grace, and wakes who watches.
#[tokio::test]
async fn who_watches_is_waked_when_a_grace_is_over() {
    let builder = Hub::builder("alpha").unwrap();
    let hub = builder.limits(|limits| limits.presence_grace_ms = 60).build();
    let mut changes = hub.presence_changes("room").unwrap();
    assert_eq!(changes.next().await, PresenceChange::List(Vec::new()));
    drop(hub.track_as(page(1), "room", "ann", meta("1")).unwrap());
    let (mut joined, mut left) = (0, 0);
    while left == 0 || joined > left {
        match changes.next().await {
            PresenceChange::Diff { joins, leaves } => (joined, left) = (joined + joins.len(), left + leaves.len()),
            other => panic!("{other:?}"),
        }
    }
    assert!(here(&hub).is_empty());
}

/// Alpha loses beta, and beta does not lose alpha: nobody is present, and alpha has to be told that once more.
#[tokio::test]
async fn a_link_that_failed_one_way_catches_up_where_nobody_is_present() {
    let patience = Duration::from_secs(30);
    let mesh = testing::Mesh::default();
    let (alpha, beta) = (Hub::solo("alpha").unwrap(), Hub::solo("beta").unwrap());
    alpha.connect(mesh.carrier()).await.unwrap();
    beta.connect(mesh.carrier()).await.unwrap();
    assert_eq!((alpha.wait_for_nodes(1, patience).await, beta.wait_for_nodes(1, patience).await), (1, 1));
    assert!(alpha.has_caught_up() && beta.has_caught_up());
    mesh.cut_one_way("beta", "alpha");
    let lost = async {
        while alpha.nodes()[0].state == MemberState::Up {
            alpha.changed().await;
        }
    };
    tokio::time::timeout(patience, lost).await.unwrap();
    mesh.heal();
    assert_eq!(alpha.wait_for_nodes(1, patience).await, 1);
    assert!(alpha.has_caught_up());
}
