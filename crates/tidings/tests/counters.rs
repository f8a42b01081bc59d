//! What is counted for each topic and for the hub, from outside.

mod support;

use proptest::prelude::*;
use support::{
    HandClock, hub, hub_on, hub_with, join, joined, name, number, publish, read_up_to_here, shards_have_marked,
};
use tidings::{Hub, Start, TopicInfo};

fn info(hub: &Hub, topic: &str) -> TopicInfo {
    hub.topics().into_iter().find(|info| info.topic == name(topic)).expect("there is such a topic")
}

#[tokio::test]
async fn delivered_counts_what_each_reader_was_handed() {
    let hub = hub();
    let mut sender = hub.reader().unwrap().excluding("ada");
    join(&mut sender, &["history/a"], &Start::Now).await;
    let (mut first, _) = joined(&hub, &["history/a"], &Start::Now).await;
    let (mut second, _) = joined(&hub, &["history/a", "history/b"], &Start::Now).await;
    publish(&hub, "history/a", [1, 2, 3]);
    publish(&hub, "history/b", [4]);
    hub.broadcast_from("ada", "history/a", number(5)).unwrap();
    for reader in [&mut sender, &mut first, &mut second] {
        read_up_to_here(reader).await;
    }
    let (a, b) = (info(&hub, "history/a"), info(&hub, "history/b"));
    assert_eq!((a.published, a.delivered, a.skipped, a.gaps, a.readers), (4, 3 + 4 + 4, 0, 0, 3));
    assert_eq!((b.published, b.delivered, b.skipped, b.gaps, b.readers), (1, 1, 0, 0, 1));
}

#[tokio::test]
async fn what_is_published_and_not_read_is_not_delivered() {
    let hub = hub();
    let (_reader, _) = joined(&hub, &["history/a"], &Start::Now).await;
    publish(&hub, "history/a", [1, 2, 3]);
    let a = info(&hub, "history/a");
    assert_eq!((a.published, a.delivered), (3, 0));
}

#[tokio::test]
async fn values_that_were_replaced_unseen_are_skipped() {
    let hub = hub();
    publish(&hub, "value/a", [1, 2]);
    let (mut quick, _) = joined(&hub, &["value/a"], &Start::RETAINED).await;
    let (mut slow, _) = joined(&hub, &["value/a"], &Start::Now).await;
    let a = info(&hub, "value/a");
    assert_eq!((a.delivered, a.skipped), (1, 0), "the snapshot; what was replaced before they came is not theirs");
    for value in 3..=7 {
        publish(&hub, "value/a", [value]);
        read_up_to_here(&mut quick).await;
    }
    read_up_to_here(&mut slow).await;
    let a = info(&hub, "value/a");
    assert_eq!((a.published, a.delivered, a.skipped, a.gaps), (7, 1 + 5 + 1, 4, 0));
}

#[tokio::test]
async fn a_snapshot_stands_for_the_values_before_it() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(support::pattern("value/a"), Start::RETAINED)]).is_empty());
    // The reader has joined, and reads only now.
    publish(&hub, "value/a", [2, 3, 4]);
    read_up_to_here(&mut reader).await;
    let a = info(&hub, "value/a");
    assert_eq!((a.delivered, a.skipped), (1, 2), "2 and 3 were never seen, 4 is the snapshot");
}

#[tokio::test]
async fn gaps_are_counted_on_their_topic() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["short/a", "history/a"], &Start::Now).await;
    publish(&hub, "short/a", 1..=9);
    publish(&hub, "history/a", 1..=9);
    read_up_to_here(&mut reader).await;
    let (short, long) = (info(&hub, "short/a"), info(&hub, "history/a"));
    assert_eq!((short.published, short.delivered, short.gaps), (9, 4, 1));
    assert_eq!((long.published, long.delivered, long.gaps), (9, 9, 0));
    let (mut late, _) = joined(&hub, &["short/a"], &Start::After("no cursor".into())).await;
    read_up_to_here(&mut late).await;
    assert_eq!(info(&hub, "short/a").gaps, 2);
    assert_eq!(hub.gaps(), 2);
}

#[tokio::test]
async fn what_a_pattern_is_told_counts_on_its_topics_and_its_own_gaps_apart() {
    let hub = hub();
    publish(&hub, "history/a", [1]);
    let (mut reader, _) = joined(&hub, &["history/*"], &Start::After("no cursor".into())).await;
    publish(&hub, "history/a", [2]);
    publish(&hub, "history/b", [3]);
    read_up_to_here(&mut reader).await;
    let (a, b, total) = (info(&hub, "history/a"), info(&hub, "history/b"), hub.info());
    assert_eq!((a.delivered, a.gaps, b.delivered, b.gaps), (2, 0, 1, 0));
    assert_eq!((total.pattern_gaps, total.events.gaps, hub.gaps()), (1, 0, 1));
}

#[tokio::test]
async fn the_hubs_figures_are_the_sum_and_outlive_a_topic() {
    let (hub, clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["short/a", "value/a", "beep/a"], &Start::Now).await;
    publish(&hub, "short/a", 1..=9);
    publish(&hub, "value/a", 1..=3);
    publish(&hub, "beep/a", 1..=2);
    read_up_to_here(&mut reader).await;
    let before = hub.info();
    assert_eq!((before.events.published, before.events.delivered, before.events.gaps), (9, 4, 1));
    assert_eq!((before.state.published, before.state.delivered, before.state.skipped), (3, 1, 2));
    assert_eq!((before.signal.published, before.signal.delivered), (2, 2));
    assert_eq!((before.readers, before.index, before.total().topics), (1, 14, 3));
    let topics = hub.topics();
    assert_eq!(before.total().published, topics.iter().map(|info| info.published).sum::<u64>());
    assert_eq!(before.total().delivered, topics.iter().map(|info| info.delivered).sum::<u64>());
    drop(reader);
    // Until then they hold the topics in their inboxes.
    shards_have_marked().await;
    clock.advance(60);
    assert_eq!(hub.forget_idle(), 1, "the Signal");
    let after = hub.info();
    assert_eq!((after.total().topics, after.readers), (2, 0));
    assert_eq!((after.signal.published, after.signal.delivered), (2, 2), "what was counted stays counted");
}

#[tokio::test]
async fn a_rate_follows_the_clock() {
    let clock = HandClock::default();
    let hub = hub_on(&clock, |_| {});
    for second in 0..60 {
        publish(&hub, "history/a", second * 20..(second + 1) * 20);
        clock.advance(1);
    }
    let rate = info(&hub, "history/a").rate_per_s;
    assert!((18.0..21.0).contains(&rate), "20 messages a second for a minute: {rate}");
    assert!((hub.info().events.rate_per_s - rate).abs() < 1e-9);
    clock.advance(120);
    let rate = info(&hub, "history/a").rate_per_s;
    assert!(rate < 0.001, "nothing for two minutes: {rate}");
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Publish,
    Clear,
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => Just(Step::Publish), 1 => Just(Step::Clear), 3 => (0..3_usize).prop_map(Step::Read)]
}

proptest! {
    /// Promise 2: values of a State topic that a reader did not see are counted, each once.
    #[test]
    fn of_a_value_each_reader_was_handed_or_skipped_every_one(steps in prop::collection::vec(step(), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let hub = hub();
            let mut readers = Vec::new();
            for _ in 0..3 {
                readers.push(joined(&hub, &["value/a"], &Start::Now).await.0);
            }
            let mut published = 0;
            for step in steps {
                match step {
                    Step::Publish => hub.broadcast("value/a", number(published)).map(drop).unwrap(),
                    Step::Clear => hub.clear("value/a").map(drop).unwrap(),
                    Step::Read(at) => {
                        read_up_to_here(&mut readers[at]).await;
                        continue;
                    }
                }
                published += 1;
            }
            for reader in &mut readers {
                read_up_to_here(reader).await;
            }
            let a = info(&hub, "value/a");
            prop_assert_eq!(a.published, published);
            prop_assert_eq!(a.delivered + a.skipped, 3 * published);
            prop_assert_eq!(a.gaps, 0);
            Ok(())
        })?;
    }
}
