//! What everybody expects of publish and subscribe: the cases that Phoenix.PubSub shares among its adapters, in our
//! words, and the limits.

mod support;

use std::collections::HashSet;

use futures_util::StreamExt as _;
use support::{
    Said, hub, hub_with, join, joined, messages, name, number, pattern, publish, read, read_up_to_here, said, value,
    within,
};
use tidings::{
    Delivery, Hub, Payload, PublishError, PublishOptions, Start, SubscribeError, Subscription,
    wire::{Cursor, NameError, TopicKind, Version, event::GapCause},
};

async fn next(subscription: &mut Subscription) -> Said {
    said(&[within(subscription.next()).await]).remove(0)
}

#[tokio::test]
async fn every_subscriber_receives_and_so_does_the_publishers_own() {
    let hub = hub();
    let mut first = hub.subscribe("room").unwrap();
    let mut second = hub.clone().subscribe("room").unwrap();
    publish(&hub, "room", [1, 2]);
    for subscription in [&mut first, &mut second] {
        assert_eq!(next(subscription).await, Said::Message("room".into(), 1));
        assert_eq!(next(subscription).await, Said::Message("room".into(), 2));
    }
}

#[tokio::test]
async fn a_subscription_is_a_stream() {
    let hub = hub();
    let subscription = hub.subscribe("room").unwrap();
    publish(&hub, "room", [1, 2, 3]);
    let three: Vec<_> = within(subscription.take(3).collect()).await;
    assert_eq!(said(&three), messages("room", [1, 2, 3]));
}

#[tokio::test]
async fn subscribing_twice_gives_two_streams_with_each_message_once() {
    let hub = hub();
    let (mut first, _) = joined(&hub, &["room"], &Start::Now).await;
    let (mut second, _) = joined(&hub, &["room"], &Start::Now).await;
    publish(&hub, "room", [1]);
    assert_eq!(said(&read_up_to_here(&mut first).await), messages("room", [1]));
    assert_eq!(said(&read_up_to_here(&mut second).await), messages("room", [1]));
}

#[tokio::test]
async fn other_topics_are_not_heard() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["room/1"], &Start::Now).await;
    for topic in ["room", "room/10", "room/1/x", "other"] {
        publish(&hub, topic, [1]);
    }
    assert_eq!(said(&read_up_to_here(&mut reader).await), []);
    publish(&hub, "room/1", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("room/1", [2]));
}

#[tokio::test]
async fn a_publish_without_subscribers_is_fine_and_who_comes_later_does_not_hear_it() {
    let hub = hub();
    publish(&hub, "room", [1]);
    let (mut reader, said_at_join) = joined(&hub, &["room"], &Start::Now).await;
    assert_eq!(support::said_of_topics(&said_at_join), []);
    publish(&hub, "room", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("room", [2]));
}

#[tokio::test]
async fn broadcast_from_skips_the_sender_and_nobody_else() {
    let hub = hub();
    let mut sender = hub.reader().unwrap().excluding("ada");
    join(&mut sender, &["history/a"], &Start::Now).await;
    let (mut other, _) = joined(&hub, &["history/a"], &Start::Now).await;
    hub.broadcast_from("ada", "history/a", number(1)).unwrap();
    hub.broadcast_from("bob", "history/a", number(2)).unwrap();
    publish(&hub, "history/a", [3]);
    assert_eq!(said(&read_up_to_here(&mut sender).await), messages("history/a", [2, 3]));
    assert_eq!(said(&read_up_to_here(&mut other).await), messages("history/a", [1, 2, 3]));
}

#[tokio::test]
async fn broadcast_from_skips_the_sender_on_replay_too() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 2);
    let before = hub.cursor();
    for value in 0..8 {
        hub.broadcast_from(if value < 6 { "ada" } else { "bob" }, "history/a", number(value)).unwrap();
    }
    for start in [Start::RETAINED, Start::After(before)] {
        let mut sender = hub.reader().unwrap().excluding("ada");
        let replay = join(&mut sender, &["history/a"], &start).await;
        assert_eq!(support::said_of_topics(&replay), messages("history/a", [6, 7]), "{start:?}");
    }
}

#[tokio::test]
async fn the_publish_id_and_the_sender_travel_with_the_message() {
    let hub = hub();
    let mut subscription = hub.subscribe("room").unwrap();
    let options = PublishOptions::default().from_sender("ada").with_id("edit-7");
    let published = hub.broadcast_with("room", number(1), options).unwrap();
    let Delivery::Message(entry) = within(subscription.next()).await else { panic!("a message") };
    assert_eq!((entry.from.as_deref(), entry.id.as_deref()), (Some("ada"), Some("edit-7")));
    assert_eq!((entry.version, entry.stamp, entry.index), (published.version, published.stamp, published.index));
}

#[tokio::test]
async fn a_second_publish_under_one_id_is_the_first() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/a", "history/b"], &Start::Now).await;
    let publish_as = |id: &str, topic: &str, value| {
        hub.broadcast_with(topic, number(value), PublishOptions::default().with_id(id)).unwrap()
    };
    let first = publish_as("once", "history/a", 1);
    publish(&hub, "history/a", [2]);
    assert_eq!(publish_as("once", "history/a", 1), first, "a retry is answered with what the first try came to");
    assert_ne!(publish_as("once", "history/b", 3), first, "ids are of one topic");
    // Among the last 64 it is known, and not for ever.
    for number in 1..64 {
        publish_as(&format!("other-{number}"), "history/a", 100 + number);
    }
    assert_eq!(publish_as("once", "history/a", 1), first);
    publish_as("one-too-many", "history/a", 200);
    assert_ne!(publish_as("once", "history/a", 1), first);
    let heard = said(&read_up_to_here(&mut reader).await);
    let ones = heard.iter().filter(|said| **said == Said::Message("history/a".into(), 1));
    assert_eq!((heard.len(), ones.count()), (3 + 63 + 2, 2));
}

#[tokio::test]
async fn dropping_unsubscribes_and_leaves_the_others_alone() {
    let hub = hub();
    let (first, second) = (hub.subscribe("room").unwrap(), hub.subscribe("room").unwrap());
    let (mut third, _) = joined(&hub, &["room"], &Start::Now).await;
    assert_eq!(hub.readers(&name("room")), 3);
    drop(first);
    drop(second);
    assert_eq!(hub.readers(&name("room")), 1);
    publish(&hub, "room", [1]);
    assert_eq!(said(&read_up_to_here(&mut third).await), messages("room", [1]));
    drop(third);
    assert_eq!(hub.readers(&name("room")), 0);
    publish(&hub, "room", [2]);
}

#[tokio::test]
async fn leaving_a_topic_that_is_not_held_changes_nothing() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["room"], &Start::Now).await;
    assert!(!reader.leave(&pattern("other")));
    publish(&hub, "room", [1]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("room", [1]));
    assert!(reader.leave(&pattern("room")));
    assert!(!reader.leave(&pattern("room")), "it is gone already");
    assert_eq!(hub.readers(&name("room")), 0);
    publish(&hub, "room", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), []);
}

#[tokio::test]
async fn a_left_topics_slot_serves_the_next_topic_without_a_mix_up() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["room/1", "value/x"], &Start::RETAINED).await;
    publish(&hub, "room/1", [1]);
    publish(&hub, "value/x", [1]);
    // Marks and prepared words for the old topics are still on their way when the slots are taken again.
    assert!(reader.join(2, vec![(pattern("value/x"), Start::RETAINED)]).is_empty());
    assert!(reader.leave(&pattern("value/x")) && reader.leave(&pattern("room/1")));
    let heard = join(&mut reader, &["room/2", "room/3"], &Start::Now).await;
    assert_eq!(support::said_of_topics(&heard), []);
    publish(&hub, "room/1", [2]);
    publish(&hub, "room/3", [3]);
    publish(&hub, "room/2", [4]);
    let heard = said(&read_up_to_here(&mut reader).await);
    assert_eq!(heard, [Said::Message("room/3".into(), 3), Said::Message("room/2".into(), 4)]);
}

#[tokio::test]
async fn local_broadcast_reaches_the_nodes_readers_and_no_cursor() {
    let (hub, _clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["beep/a", "undeclared"], &Start::Now).await;
    let before = hub.cursor();
    assert_eq!(hub.local_broadcast("beep/a", number(1)).unwrap().stamp, 0);
    assert_eq!(hub.local_broadcast("undeclared", number(2)).unwrap().stamp, 0);
    let heard = read_up_to_here(&mut reader).await;
    assert_eq!(said(&heard), [Said::Message("beep/a".into(), 1), Said::Message("undeclared".into(), 2)]);
    assert_eq!(hub.cursor(), before, "a cursor is about what the cluster knows");
}

/// Was wrong: a message read under a floor counts as covered by it, whatever its place, if it has no stamp.
#[tokio::test]
async fn local_broadcast_after_a_resuming_join_is_heard() {
    let hub = hub();
    publish(&hub, "beep/a", [1]);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("beep/a"), Start::After(hub.cursor()))]).is_empty());
    hub.local_broadcast("beep/a", number(2)).unwrap();
    assert_eq!(support::said_of_topics(&read_up_to_here(&mut reader).await), messages("beep/a", [2]));
}

#[tokio::test]
async fn local_broadcast_is_not_replayed_on_resume() {
    let hub = hub();
    let before = hub.cursor();
    hub.local_broadcast("beep/a", number(1)).unwrap();
    publish(&hub, "beep/a", [2]);
    hub.local_broadcast("beep/a", number(3)).unwrap();
    let (_reader, replay) = joined(&hub, &["beep/a"], &Start::After(before)).await;
    assert_eq!(support::said_of_topics(&replay), messages("beep/a", [2]));
}

#[tokio::test]
async fn local_broadcast_of_what_is_kept_is_refused() {
    let (hub, _clock) = hub_with(|_| {});
    let before = hub.cursor();
    for (topic, wanted) in [("value/a", TopicKind::State), ("history/a", TopicKind::Events)] {
        let Err(PublishError::Kind { kind, .. }) = hub.local_broadcast(topic, number(1)) else {
            panic!("{topic} takes no local broadcast")
        };
        assert_eq!(kind, wanted);
        assert!(hub.snapshot(&name(topic), 1).entries.is_empty(), "nothing was kept");
    }
    assert_eq!(hub.cursor(), before);
}

#[tokio::test]
async fn only_a_state_topic_is_cleared() {
    let (hub, _clock) = hub_with(|_| {});
    let before = hub.cursor();
    for topic in ["history/a", "beep/a", "undeclared"] {
        assert!(matches!(hub.clear(topic), Err(PublishError::Kind { .. })), "{topic}");
    }
    assert_eq!(hub.cursor(), before);
    let (mut reader, _) = joined(&hub, &["value/a"], &Start::Now).await;
    publish(&hub, "value/a", [1]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [1]));
    hub.clear("value/a").unwrap();
    assert_eq!(said(&read_up_to_here(&mut reader).await), [Said::Cleared("value/a".into())]);
    assert!(hub.snapshot(&name("value/a"), 1).entries.is_empty());
}

/// Was wrong: a snapshot's entry is documented as `None` where the topic holds nothing, and is a tombstone.
#[tokio::test]
async fn a_cleared_topics_snapshot_holds_nothing() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    hub.clear("value/a").unwrap();
    let (_reader, heard) = joined(&hub, &["value/a"], &Start::RETAINED).await;
    let empty = heard.iter().any(|delivery| matches!(delivery, Delivery::Snapshot { entry: None, .. }));
    assert!(empty, "{heard:?}");
}

#[tokio::test]
async fn invalid_names_are_refused_everywhere() {
    let (hub, _clock) = hub_with(|_| {});
    let before = hub.cursor();
    for topic in ["", "a//b", "/a", "a/", "a b", "a/*", "**", "a/~41"] {
        assert!(matches!(hub.broadcast(topic, number(1)), Err(PublishError::Name(_))), "{topic:?}");
        assert!(matches!(hub.local_broadcast(topic, number(1)), Err(PublishError::Name(_))), "{topic:?}");
        assert!(matches!(hub.clear(topic), Err(PublishError::Name(_))), "{topic:?}");
    }
    for topic in ["", "a//b", "/a", "a/", "a b", "a/*b", "**/a", "a/~41"] {
        assert!(matches!(hub.subscribe(topic), Err(SubscribeError::Name(_))), "{topic:?}");
    }
    assert_eq!(hub.cursor(), before);
    assert!(hub.topics().is_empty());
    assert!(matches!(Hub::solo("al/pha"), Err(NameError::Forbidden { .. })));
    assert!(hub.reader().is_ok(), "a refused subscription gives its place back");
}

#[tokio::test]
async fn a_payload_is_as_long_as_the_limit_and_not_longer() {
    let (hub, _clock) = hub_with(|limits| limits.payload_bytes_max = 10);
    let mut subscription = hub.subscribe("room").unwrap();
    let before = hub.cursor();
    let long = Payload::of(&"123456789").unwrap();
    let Err(PublishError::TooLarge { bytes: 11, max: 10 }) = hub.broadcast("room", long) else { panic!("too large") };
    assert_eq!(hub.cursor(), before, "nothing was published");
    hub.broadcast("room", Payload::of(&"12345678").unwrap()).unwrap();
    let Delivery::Message(entry) = within(subscription.next()).await else { panic!("a message") };
    assert_eq!(entry.payload.as_ref().unwrap().as_str(), "\"12345678\"");
}

#[tokio::test]
async fn a_full_node_takes_no_new_topic_and_forgets_idle_ones_by_itself() {
    let (hub, clock) = hub_with(|limits| limits.topics_max = 3);
    let (mut reader, _) = joined(&hub, &["read"], &Start::Now).await;
    publish(&hub, "history/kept", [1]);
    publish(&hub, "signal", [1]);
    assert!(matches!(hub.broadcast("new", number(1)), Err(PublishError::TooManyTopics { max: 3 })));
    assert!(matches!(hub.subscribe("new"), Err(SubscribeError::TooManyTopics { max: 3 })));
    publish(&hub, "read", [1]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("read", [1]), "known topics go on");
    // Past its five seconds, nothing is left of the signal; the other two are read or kept.
    clock.advance(6);
    publish(&hub, "new", [1]);
    let topics: HashSet<_> = hub.topics().into_iter().map(|info| info.topic.to_string()).collect();
    assert_eq!(topics, ["read", "history/kept", "new"].map(str::to_owned).into());
}

#[tokio::test]
async fn readers_are_limited_and_a_dropped_one_makes_room() {
    let (hub, _clock) = hub_with(|limits| limits.readers_max = 2);
    let first = hub.subscribe("room").unwrap();
    let second = hub.reader().unwrap();
    assert_eq!(hub.subscribe("room").unwrap_err(), SubscribeError::TooManyReaders { max: 2 });
    drop(first);
    let third = hub.subscribe("room").unwrap();
    assert_eq!(hub.reader().unwrap_err(), SubscribeError::TooManyReaders { max: 2 });
    drop((second, third));
    assert_eq!(hub.readers(&name("room")), 0);
}

#[tokio::test]
async fn topics_of_a_reader_are_limited_and_the_refused_one_is_named() {
    let (hub, _clock) = hub_with(|limits| limits.reader_topics_max = 2);
    let mut reader = hub.reader().unwrap();
    let wanted = ["a", "b", "c", "a"].map(|topic| (pattern(topic), Start::Now));
    assert_eq!(reader.join(1, wanted.into()), [(pattern("c"), SubscribeError::TooManyOfReader { max: 2 })]);
    publish(&hub, "c", [1]);
    publish(&hub, "a", [2]);
    assert_eq!(support::said_of_topics(&read_up_to_here(&mut reader).await), messages("a", [2]));
    assert!(reader.leave(&pattern("a")));
    assert!(reader.join(2, vec![(pattern("c"), Start::Now)]).is_empty());
}

#[tokio::test]
async fn a_ring_is_limited_in_bytes_and_keeps_at_least_its_newest() {
    let (hub, _clock) = hub_with(|limits| limits.ring_bytes_max = 20);
    for value in 0..5 {
        hub.broadcast("history/a", Payload::of(&format!("{value:06}")).unwrap()).unwrap();
    }
    assert_eq!(hub.snapshot(&name("history/a"), 9).entries.len(), 2, "two of eight bytes fit into twenty");
    hub.broadcast("history/a", Payload::of(&"x".repeat(100)).unwrap()).unwrap();
    assert_eq!(hub.snapshot(&name("history/a"), 9).entries.len(), 1);
}

/// Was wrong: a client's `seen` is merged without a bound. The next tick adds one to `u64::MAX`: a panic under the
/// log's lock where overflows are checked, a clock that starts again at the wall where they are not.
#[tokio::test]
async fn a_version_that_nobody_can_have_seen_does_not_break_the_clock() {
    let hub = hub();
    let impossible = Version::from_clock(u64::MAX - 1, hub.origin());
    let _ = hub.broadcast_with("value/a", number(1), PublishOptions::default().after(impossible));
    let second = hub.broadcast("value/a", number(2)).unwrap();
    let third = hub.broadcast("value/a", number(3)).unwrap();
    assert!(second.version < third.version);
    assert!(third.version.ms() < hub.now_ms() + 25 * 60 * 60 * 1000, "at most a day ahead: {:?}", third.version);
    let held = hub.snapshot(&name("value/a"), 1).entries;
    assert_eq!(support::value(&held[0]), Some(3), "what was accepted is what is kept");
}

#[tokio::test]
async fn the_next_version_lies_above_the_one_that_the_writer_saw() {
    let hub = hub();
    let ahead = Version::new(hub.now_ms() + 3_000, 7, hub.origin());
    let published = hub.broadcast_with("value/a", number(1), PublishOptions::default().after(ahead)).unwrap();
    assert!(published.version > ahead);
}

/// The console's numbers are those of the topic.
#[tokio::test]
async fn a_patterns_topics_are_listed_by_name() {
    let hub = hub();
    for topic in ["value/b", "value/a", "values/c", "history/a", "value/a/x"] {
        publish(&hub, topic, [1]);
    }
    let listed = |pattern: &str| {
        let topics = hub.topics_of(&pattern.parse().unwrap());
        topics.into_iter().map(|info| info.topic.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed("value/*"), ["value/a", "value/b"]);
    assert_eq!(listed("value/**"), ["value/a", "value/a/x", "value/b"]);
    assert_eq!(listed("*/a"), ["history/a", "value/a"]);
    assert_eq!(listed("value/a"), ["value/a"]);
}

#[tokio::test]
async fn topics_are_listed_with_what_they_hold() {
    let hub = hub();
    let _reader = joined(&hub, &["short/a"], &Start::Now).await;
    publish(&hub, "short/a", 0..6);
    let [info] = &hub.topics()[..] else { panic!("one topic") };
    assert_eq!((info.topic.as_str(), info.kind, info.readers), ("short/a", TopicKind::Events, 1));
    assert_eq!((info.published, info.held, info.held_bytes), (6, 4, 4));
}

/// Two tasks that each wait for the other's word: one wake-up that is lost, and both wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_two_that_answer_each_other() {
    const ROUNDS: u64 = 20_000;
    let hub = hub();
    let (mut pings, mut pongs) = (hub.subscribe("ping").unwrap(), hub.subscribe("pong").unwrap());
    let other = {
        let hub = hub.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                assert_eq!(next(&mut pings).await, Said::Message("ping".into(), round));
                publish(&hub, "pong", [round]);
            }
        })
    };
    for round in 0..ROUNDS {
        publish(&hub, "ping", [round]);
        assert_eq!(next(&mut pongs).await, Said::Message("pong".into(), round));
    }
    within(other).await.unwrap();
}

/// Bursts that end while the reader is between its look and its sleep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_message_of_a_burst_wakes_the_reader() {
    const BURSTS: u64 = 5_000;
    let hub = hub();
    let topics = ["history/a", "history/b", "history/c"];
    let (mut reader, _) = joined(&hub, &topics, &Start::Now).await;
    let (heard, mut waits) = tokio::sync::watch::channel(0_u64);
    let total = (0..BURSTS).map(|burst| burst % 7 + 1).sum::<u64>();
    let publisher = {
        let hub = hub.clone();
        tokio::spawn(async move {
            let mut sent = 0;
            for burst in 0..BURSTS {
                for step in 0..=burst % 7 {
                    publish(&hub, topics[(burst + step) as usize % 3], [sent]);
                    sent += 1;
                }
                // Nothing but the burst's own wake-up brings the reader to it.
                within(waits.wait_for(|heard| *heard == sent)).await.unwrap();
            }
        })
    };
    let mut count = 0;
    while count < total {
        for delivery in read(&mut reader).await {
            let Delivery::Message(entry) = delivery else { panic!("only messages: {delivery:?}") };
            assert_eq!(support::value(&entry), Some(count));
            count += 1;
        }
        heard.send_replace(count);
    }
    within(publisher).await.unwrap();
}

#[tokio::test]
async fn a_cursor_lists_this_node() {
    let hub = hub();
    publish(&hub, "room", [1, 2]);
    let cursor: Cursor = hub.cursor().parse().unwrap();
    assert_eq!(cursor.iter().collect::<Vec<_>>(), [(hub.origin(), 2)]);
}

#[tokio::test]
async fn a_sender_is_skipped_by_whoever_excludes_it_and_by_nobody_else() {
    let (hub, _clock) = hub_with(|_| {});
    let mut mine = hub.subscribe("beep/a").unwrap().excluding("me");
    let mut others = hub.subscribe("beep/*").unwrap();
    hub.broadcast_from("me", "beep/a", number(1)).unwrap();
    hub.local_broadcast_from("me", "beep/a", number(2)).unwrap();
    hub.local_broadcast_from("you", "beep/a", number(3)).unwrap();
    hub.broadcast("beep/a", number(4)).unwrap();
    let heard = [within(mine.next()).await, within(mine.next()).await];
    assert_eq!(said(&heard), messages("beep/a", [3, 4]));
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.push(within(others.next()).await);
    }
    assert_eq!(said(&heard), messages("beep/a", 1..5));
    let refused = hub.local_broadcast_from("me", "history/a", number(5));
    assert!(matches!(refused, Err(PublishError::Kind { kind: TopicKind::Events, .. })));
    mine.unsubscribe();
    assert_eq!(hub.readers(&name("beep/a")), 1);
}

#[tokio::test]
async fn the_history_is_the_last_messages_that_are_kept() {
    let (hub, _clock) = hub_with(|_| {});
    publish(&hub, "short/a", 0..9);
    publish(&hub, "value/a", 1..3);
    publish(&hub, "beep/a", [1]);
    let history =
        |topic: &str, last| hub.history(&name(topic), last).iter().map(|entry| value(entry)).collect::<Vec<_>>();
    assert_eq!(history("short/a", 2), [Some(7), Some(8)]);
    assert_eq!(history("short/a", 99).len(), 4, "four are kept");
    assert_eq!(history("value/a", 99), [Some(2)]);
    assert_eq!((history("beep/a", 99), history("no/such", 1)), (vec![], vec![]));
}

/// A subscription to one plain topic has a way of its own: it promises the same.
#[tokio::test]
async fn a_slow_subscription_to_one_topic_is_told_what_it_lost_and_goes_on() {
    let (hub, _clock) = hub_with(|_| {});
    let mut subscription = hub.subscribe("short/a").unwrap();
    // Four are kept.
    publish(&hub, "short/a", 0..9);
    let mut heard = Vec::new();
    while heard.len() < 5 {
        heard.push(within(subscription.next()).await);
    }
    let wanted = [vec![Said::Gap("short/a".into(), GapCause::Slow)], messages("short/a", 5..9)].concat();
    assert_eq!(said(&heard), wanted);
    assert_eq!(hub.gaps(), 1);
    publish(&hub, "short/a", 9..11);
    assert_eq!(
        said(&[within(subscription.next()).await, within(subscription.next()).await]),
        messages("short/a", 9..11)
    );
    // More than it reads at once, and a value of which only the newest counts.
    let mut long = hub.subscribe("history/a").unwrap();
    let mut value = hub.subscribe("value/a").unwrap();
    publish(&hub, "history/a", 0..200);
    publish(&hub, "value/a", 0..5);
    let mut heard = Vec::new();
    while heard.len() < 200 {
        heard.push(within(long.next()).await);
    }
    assert_eq!(said(&heard), messages("history/a", 0..200));
    assert_eq!(said(&[within(value.next()).await]), messages("value/a", [4]));
    assert_eq!(hub.gaps(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_many_publishers_and_one_subscription() {
    const EACH: u64 = 5_000;
    let (hub, _clock) = hub_with(|_| {});
    let mut subscription = hub.subscribe("history/a").unwrap();
    let publishers = [0, 1, 2].map(|_| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..EACH {
                publish(&hub, "history/a", [number]);
                if number % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let mut index = 0;
    for _ in 0..3 * EACH {
        let Delivery::Message(entry) = within(subscription.next()).await else { panic!("a message") };
        assert_eq!(entry.index, index + 1);
        index = entry.index;
    }
    for publisher in publishers {
        within(publisher).await.unwrap();
    }
}
