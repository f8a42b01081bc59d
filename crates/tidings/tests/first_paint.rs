//! Promise 3 on one node: what was painted from a snapshot, and what is read after its cursor, is everything once.

mod support;

use support::{
    Said, hub, hub_with, joined, messages, name, pattern, publish, read, read_up_to_here, said, said_of_topics, value,
};
use tidings::{Delivery, Hub, Start};

fn after(hub: &Hub, topic: &str, most: usize) -> (Vec<u64>, Start) {
    let snapshot = hub.snapshot(&name(topic), most);
    let painted = snapshot.entries.iter().map(|entry| value(entry).unwrap()).collect();
    (painted, Start::After(snapshot.cursor.to_string().into()))
}

#[tokio::test]
async fn after_the_snapshots_cursor_comes_exactly_what_came_after_it() {
    let hub = hub();
    publish(&hub, "history/a", 0..5);
    let (painted, start) = after(&hub, "history/a", 3);
    assert_eq!(painted, [2, 3, 4], "the last three, oldest first");
    publish(&hub, "history/a", 5..8);
    let (mut reader, heard) = joined(&hub, &["history/a"], &start).await;
    assert_eq!(said_of_topics(&heard), messages("history/a", 5..8));
    publish(&hub, "history/a", [8]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("history/a", [8]));
}

#[tokio::test]
async fn a_painted_value_that_is_still_the_newest_is_not_sent_again() {
    let hub = hub();
    publish(&hub, "value/a", 0..5);
    let (painted, start) = after(&hub, "value/a", 1);
    assert_eq!(painted, [4]);
    let (mut reader, heard) = joined(&hub, &["value/a"], &start).await;
    assert_eq!(said_of_topics(&heard), []);
    publish(&hub, "value/a", [5]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [5]));
}

#[tokio::test]
async fn a_value_that_changed_or_went_since_it_was_painted_is_told() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    let (_, start) = after(&hub, "value/a", 1);
    publish(&hub, "value/a", [2, 3]);
    assert_eq!(said_of_topics(&joined(&hub, &["value/a"], &start).await.1), messages("value/a", [3]));
    hub.clear("value/a").unwrap();
    assert_eq!(said_of_topics(&joined(&hub, &["value/a"], &start).await.1), [Said::Cleared("value/a".into())]);
    assert!(after(&hub, "value/a", 1).0.is_empty(), "nothing to paint");
}

#[tokio::test]
async fn a_topic_that_did_not_exist_at_the_paint_loses_nothing() {
    let (hub, _clock) = hub_with(|_| {});
    let (painted, start) = after(&hub, "history/a", 9);
    assert!(painted.is_empty());
    assert!(hub.topics().is_empty(), "looking makes no topic");
    publish(&hub, "history/a", 0..3);
    assert_eq!(said_of_topics(&joined(&hub, &["history/a"], &start).await.1), messages("history/a", 0..3));
}

/// What is painted and the cursor beside it belong to one place of the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_its_cursor_are_one() {
    const EACH: u64 = 30_000;
    let hub = hub();
    let publisher = {
        let hub = hub.clone();
        tokio::spawn(async move { publish(&hub, "history/a", 0..EACH) })
    };
    while !publisher.is_finished() {
        let snapshot = hub.snapshot(&name("history/a"), 1);
        let newest = snapshot.entries.first().map_or(0, |entry| entry.stamp);
        assert_eq!(snapshot.cursor.get(hub.origin()), newest, "nothing else is published");
    }
    publisher.await.unwrap();
}

/// Snapshots at any moment of two publishers' work, each taken over by a reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_paint_and_stream_nothing_is_lost_while_publishers_hammer() {
    const EACH: u64 = 6_000;
    let hub = hub();
    let publishers = ["history/a", "value/a"].map(|topic| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for value in 0..EACH {
                publish(&hub, topic, [value]);
                if value % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let mut paints = 0;
    loop {
        // The last one is taken over after all is published, and has little or nothing to come.
        let last = publishers.iter().all(tokio::task::JoinHandle::is_finished);
        let (painted, start) = after(&hub, "history/a", 20);
        let (painted_value, value_start) = after(&hub, "value/a", 1);
        assert!(painted.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{painted:?}");
        let mut expected = painted.last().map_or(0, |last| last + 1);
        let mut newest = painted_value.first().copied();

        let mut reader = hub.reader().unwrap();
        assert!(reader.join(1, vec![(pattern("history/a"), start), (pattern("value/a"), value_start)]).is_empty());
        let mut through = false;
        let mut batches = 0;
        while !through || (!last && batches < 3 && expected < EACH) {
            batches += 1;
            for delivery in read(&mut reader).await {
                match delivery {
                    Delivery::Message(entry) if entry.topic.as_str() == "history/a" => {
                        assert_eq!(value(&entry), Some(expected), "paint {paints}");
                        expected += 1;
                    }
                    Delivery::Message(entry) => {
                        assert!(value(&entry) > newest, "paint {paints}: {newest:?}, then {entry:?}");
                        newest = value(&entry);
                    }
                    Delivery::Joined { .. } => through = true,
                    other => panic!("paint {paints}: {other:?}"),
                }
            }
        }
        paints += 1;
        if last {
            assert_eq!((expected, newest), (EACH, Some(EACH - 1)));
            break;
        }
    }
}
