//! Limits that are set do what they say. (Those of payloads, topics and readers: `pubsub.rs`; of bytes: `budget.rs`; of
//! publish ids: `publish_id.rs`.)

mod support;

use support::{
    HandClock, Said, hub_on, hub_with, joined, messages, name, number, publish, read_up_to_here, said_of_topics,
};
use tidings::{
    PublishOptions, Start,
    wire::{Keep, OriginTag, Version, event::GapCause},
};

#[tokio::test]
async fn a_signal_holds_what_is_configured() {
    let (hub, clock) = hub_with(|limits| limits.signal_keep = Keep { count: 2, age_s: 30 });
    for topic in ["beep/a", "undeclared"] {
        let (mut reader, _) = joined(&hub, &[topic], &Start::Now).await;
        publish(&hub, topic, [1, 2, 3]);
        let told = said_of_topics(&read_up_to_here(&mut reader).await);
        assert_eq!(told, [vec![Said::Gap(topic.into(), GapCause::Slow)], messages(topic, [2, 3])].concat());
        let cursor = hub.cursor();
        publish(&hub, topic, [4]);
        clock.advance(29);
        let (_, told) = joined(&hub, &[topic], &Start::After(cursor.clone())).await;
        assert_eq!(said_of_topics(&told), messages(topic, [4]), "an absence of 29 s");
        clock.advance(1);
        let (_, told) = joined(&hub, &[topic], &Start::After(cursor)).await;
        assert_eq!(said_of_topics(&told), [Said::Gap(topic.into(), GapCause::Evicted)], "one of 30 s");
    }
}

#[tokio::test]
async fn a_declared_history_is_not_a_signals() {
    let (hub, _) = hub_with(|limits| limits.signal_keep = Keep { count: 2, age_s: 30 });
    publish(&hub, "history/a", 0..10);
    assert_eq!(hub.snapshot(&name("history/a"), 100).entries.len(), 10);
}

#[tokio::test]
async fn a_cursor_resumes_for_as_long_as_is_configured() {
    let (hub, clock) = hub_with(|limits| limits.cursor_age_s_max = 60);
    publish(&hub, "history/a", [1]);
    let cursor = hub.cursor();
    publish(&hub, "history/a", [2]);
    clock.advance(60);
    let (_, told) = joined(&hub, &["history/a"], &Start::After(cursor.clone())).await;
    assert_eq!(said_of_topics(&told), messages("history/a", [2]));
    clock.advance(1);
    let (_, told) = joined(&hub, &["history/a"], &Start::After(cursor)).await;
    let gap = vec![Said::Gap("history/a".into(), GapCause::CursorTooOld)];
    assert_eq!(said_of_topics(&told), [gap, messages("history/a", [1, 2])].concat());
}

#[tokio::test]
async fn a_deletion_is_remembered_for_as_long_as_is_configured() {
    let (hub, clock) = hub_with(|limits| limits.tombstone_age_s = 7_200);
    publish(&hub, "value/a", [1]);
    hub.clear("value/a").unwrap();
    clock.advance(7_199);
    assert_eq!(hub.forget_idle(), 0);
    clock.advance(1);
    assert_eq!(hub.forget_idle(), 1);
}

#[tokio::test]
async fn a_deletion_is_remembered_at_least_as_long_as_a_cursor_resumes() {
    let (hub, clock) = hub_with(|limits| (limits.tombstone_age_s, limits.cursor_age_s_max) = (1, 100));
    assert_eq!(hub.limits().tombstone_age_s, 100);
    publish(&hub, "value/a", [1]);
    let cursor = hub.cursor();
    hub.clear("value/a").unwrap();
    clock.advance(99);
    let (_, told) = joined(&hub, &["value/a"], &Start::After(cursor)).await;
    assert_eq!(said_of_topics(&told), [Said::Cleared("value/a".into())]);
}

#[tokio::test]
async fn a_clients_version_moves_the_clock_by_what_is_configured_at_most() {
    let clock = HandClock::default();
    let hub = hub_on(&clock, |limits| limits.client_ahead_ms_max = 5_000);
    let after = |ahead_ms: u64| {
        let seen = Version::from_clock((hub.now_ms() + ahead_ms) << 16, OriginTag::from_low_bits(3));
        let published = hub.broadcast_with("value/a", number(1), PublishOptions::default().after(seen)).unwrap();
        published.version > seen
    };
    assert!(!after(5_001), "nobody can have seen it");
    assert!(after(5_000));
}

#[tokio::test]
async fn one_shard_is_enough_and_none_counts_as_one() {
    let (hub, _) = hub_with(|limits| (limits.shards_max, limits.batch_messages_max) = (0, 0));
    assert_eq!((hub.limits().shards_max, hub.limits().batch_messages_max), (1, 1));
    let (mut first, _) = joined(&hub, &["history/a"], &Start::Now).await;
    let (mut second, _) = joined(&hub, &["history/a"], &Start::Now).await;
    publish(&hub, "history/a", 0..3);
    for reader in [&mut first, &mut second] {
        let mut told = Vec::new();
        while told.len() < 3 {
            let batch = support::read(reader).await;
            assert_eq!(batch.len(), 1, "a batch of one");
            told.extend(batch);
        }
        assert_eq!(support::said(&told), messages("history/a", 0..3));
    }
}
