//! `tidings::testing`, used as somebody's tests would.

use tidings::{
    Payload, Start,
    testing::{self, Expect},
    wire::{Events, State, event::GapCause, topics},
};

topics! {
    CHAT: Events<String> = "chat" keep 2;
    TITLE: State<String> = "title";
}

/// What a panic said.
fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(run).expect_err("a panic");
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap()
}

#[test]
fn messages_gaps_and_snapshots_without_a_runtime() {
    let (hub, _) = testing::hub("alpha");
    hub.serve(CHAT);
    hub.serve(TITLE);
    let mut chat = hub.subscribe("chat").unwrap();
    chat.expect_nothing();
    for text in ["a", "b", "c"] {
        hub.publish(&CHAT.at(), &text.to_owned()).unwrap();
    }
    assert_eq!(chat.expect_gap(), GapCause::Slow);
    assert_eq!(chat.expect_value::<String>(), "b");
    assert_eq!(chat.expect_message().payload, Some(Payload::of("c").unwrap()));
    chat.expect_nothing();

    let mut title = hub.subscribe_from("title", Start::RETAINED).unwrap();
    assert!(title.expect_snapshot().is_none());
    hub.publish(&TITLE.at(), &"x".to_owned()).unwrap();
    assert_eq!(title.expect_value::<String>(), "x");
    hub.clear("title").unwrap();
    assert!(title.expect_message().payload.is_none());
    title.expect_nothing();
}

/// A topic that begins after its pattern is held is found by the shard, which nobody runs here but the expectation.
fn a_pattern(hub: &tidings::Hub) {
    let mut rooms = hub.subscribe("room/*").unwrap();
    rooms.expect_nothing();
    hub.broadcast("room/1", Payload::of("a").unwrap()).unwrap();
    hub.broadcast("hall/1", Payload::of("b").unwrap()).unwrap();
    assert_eq!(rooms.expect_value::<String>(), "a");
    rooms.expect_nothing();
    hub.broadcast("room/2", Payload::of("c").unwrap()).unwrap();
    assert_eq!(rooms.expect_message().topic.as_str(), "room/2");
    rooms.expect_nothing();
}

#[test]
fn patterns_without_a_runtime() {
    a_pattern(&testing::hub("alpha").0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_beside_shards_that_run() {
    for _ in 0..50 {
        a_pattern(&testing::hub("alpha").0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_woken_inside_of_a_runtime() {
    let (hub, _) = testing::hub("alpha");
    let mut echo = hub.subscribe("ask").unwrap();
    let answers = hub.clone();
    let task = tokio::spawn(async move {
        echo.next().await;
        answers.broadcast("answer", Payload::of("yes").unwrap()).unwrap();
    });
    let mut answer = hub.subscribe("answer").unwrap();
    hub.broadcast("ask", Payload::of("?").unwrap()).unwrap();
    task.await.unwrap();
    assert_eq!(answer.expect_value::<String>(), "yes");
}

#[test]
fn a_restart_on_the_same_clock() {
    let (hub, clock) = testing::hub("alpha");
    hub.serve(CHAT);
    hub.publish(&CHAT.at(), &"a".to_owned()).unwrap();
    let (cursor, before) = (hub.cursor(), hub.epoch());
    drop(hub);
    clock.advance(1);
    let hub = testing::hub_on("alpha", &clock, |limits| limits.readers_max = 1);
    hub.serve(CHAT);
    assert!(hub.epoch() > before);
    let mut chat = hub.subscribe_from("chat", Start::After(cursor)).unwrap();
    assert!(matches!(chat.expect_any(), tidings::Delivery::Rewound));
    assert_eq!(chat.expect_gap(), GapCause::Rewound);
    chat.expect_nothing();
    assert!(hub.reader().is_err(), "the limit holds");
}

#[test]
fn a_panic_says_what_came_instead() {
    let subscription = |publish: &'static [&'static str]| {
        let (hub, _) = testing::hub("alpha");
        hub.serve(CHAT);
        let subscription = hub.subscribe("chat").unwrap();
        for text in publish {
            hub.broadcast("chat", Payload::of(text).unwrap()).unwrap();
        }
        subscription
    };
    let said = panic_of(|| drop(subscription(&[]).expect_message()));
    assert_eq!(said, "expected a message, and nothing came");
    let said = panic_of(|| drop(subscription(&["a", "b", "c"]).expect_message()));
    assert_eq!(said, "expected a message, and a gap came on chat: slow");
    let said = panic_of(|| {
        subscription(&["a"]).expect_gap();
    });
    assert_eq!(said, "expected a gap, and a message came on chat: \"a\"");
    let said = panic_of(|| subscription(&["a"]).expect_nothing());
    assert_eq!(said, "expected nothing, and a message came on chat: \"a\"");
    let said = panic_of(|| {
        subscription(&["a"]).expect_value::<u64>();
    });
    assert!(said.starts_with("expected a u64 on chat, and \"a\" is none: "), "{said}");
    let said = panic_of(|| {
        let (hub, _) = testing::hub("alpha");
        hub.subscribe_from("title", Start::RETAINED).unwrap().expect_snapshot();
    });
    assert_eq!(said, "expected a snapshot, and nothing came", "an undeclared topic is a Signal");
}
