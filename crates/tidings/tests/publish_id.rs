//! Publish ids: a retry is harmless.

mod support;

use support::{hub, hub_with, joined, messages, number, read_up_to_here, said};
use tidings::{Hub, Principal, PublishError, PublishOptions, Published, Start, anyone};

fn publish(hub: &Hub, topic: &str, value: u64, id: &str) -> Published {
    hub.broadcast_with(topic, number(value), PublishOptions::default().with_id(id)).unwrap()
}

#[tokio::test]
async fn a_retry_is_told_once_and_gets_the_first_answer() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/a"], &Start::Now).await;
    let first = publish(&hub, "history/a", 1, "x");
    publish(&hub, "history/a", 2, "y");
    assert_eq!(publish(&hub, "history/a", 1, "x"), first);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("history/a", [1, 2]));
    let next = publish(&hub, "history/a", 3, "z");
    assert_eq!(next.stamp, first.stamp + 2, "the retry took no stamp, which would have to be filled");
}

#[tokio::test]
async fn a_late_retry_of_a_value_does_not_undo_a_newer_one() {
    let hub = hub();
    let first = publish(&hub, "value/a", 1, "x");
    publish(&hub, "value/a", 2, "y");
    assert_eq!(publish(&hub, "value/a", 1, "x"), first);
    let held = hub.snapshot(&support::name("value/a"), 1).entries;
    assert_eq!(support::value(&held[0]), Some(2));
}

#[tokio::test]
async fn an_id_belongs_to_its_topic_and_to_nobody() {
    let hub = hub();
    hub.serve(support::HISTORY).write(anyone);
    let first = publish(&hub, "history/a", 1, "x");
    assert_ne!(publish(&hub, "history/b", 1, "x"), first);
    let options = PublishOptions::default().with_id("x");
    let outside = hub.write(&Principal::anonymous(), &support::name("history/a"), "1", options).unwrap();
    assert_eq!(outside, first, "who retries through another door is answered the same");
}

#[tokio::test]
async fn the_last_ids_are_remembered_and_no_more() {
    let (hub, _) = hub_with(|limits| limits.topic_publish_ids_max = 3);
    let first = publish(&hub, "room", 1, "1");
    publish(&hub, "room", 2, "2");
    publish(&hub, "room", 3, "3");
    assert_eq!(publish(&hub, "room", 1, "1"), first);
    publish(&hub, "room", 4, "4");
    assert_ne!(publish(&hub, "room", 1, "1"), first, "three others came since");
}

#[tokio::test]
async fn a_topic_that_is_forgotten_keeps_its_ids() {
    let (hub, clock) = hub_with(|_| {});
    let first = publish(&hub, "room", 1, "x");
    clock.advance(60);
    assert_eq!(hub.forget_idle(), 1);
    assert_eq!(publish(&hub, "room", 1, "x"), first);
    assert!(hub.topics().is_empty(), "a retry makes no topic");
}

#[tokio::test]
async fn an_id_that_is_too_long_is_refused() {
    let hub = hub();
    let long = "x".repeat(hub.limits().id_bytes_max + 1);
    let by_id = hub.broadcast_with("room", number(1), PublishOptions::default().with_id(&long));
    let Err(error @ PublishError::IdTooLong { what: "publish id", bytes: 129, max: 128 }) = by_id else {
        panic!("{by_id:?}")
    };
    assert!(error.to_string().contains("`id_bytes_max`"), "{error}");
    let by_sender = hub.broadcast_from(&long, "room", number(1));
    assert!(matches!(by_sender, Err(PublishError::IdTooLong { what: "sender id", .. })), "{by_sender:?}");
    assert!(hub.topics().is_empty());
    assert!(hub.broadcast_from(&long[1..], "room", number(1)).is_ok());
}
