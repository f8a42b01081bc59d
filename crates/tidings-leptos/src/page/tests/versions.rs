//! A State topic's values have versions: the page never goes back in time, unless the stream says so.

use super::*;

/// A message of another node, with a version of its own.
fn message_of(origin: u64, topic: &str, stamp: u64, ms: u64) -> Event {
    let version = Version::new(ms, 0, OriginTag::from_low_bits(origin));
    Event::Message(Message { topic: name(topic), version, stamp, index: 1, from: None, id: None, data: raw(ms) })
}

#[test]
fn an_older_value_of_another_node_changes_nothing() {
    let mut page = Page::default();
    let (_, heard) = value(&mut page, "a", None);
    let (_, log) = hold(&mut page, "log", None);
    open(&mut page);
    hear(&mut page, &message_of(1, "a", 1, 50), None);
    hear(&mut page, &message_of(1, "log", 2, 50), None);
    // The page has moved: this node applied the older one later.
    hear(&mut page, &message_of(2, "a", 9, 40), None);
    hear(&mut page, &message_of(2, "log", 10, 40), None);
    hear(&mut page, &message_of(2, "a", 11, 60), None);
    assert_eq!(*heard.borrow(), ["50", "60"]);
    assert_eq!(*log.borrow(), ["50", "40"], "a log is in the node's order, whatever the clocks of its writers say");
}

#[test]
fn an_older_snapshot_or_deletion_changes_nothing() {
    let mut page = Page::default();
    let (_, heard) = value(&mut page, "a", Some(painted("a", &[7], 7)));
    open(&mut page);
    hear(&mut page, &snapshot("a", Some(5)), None);
    let deleted =
        |stamp| Event::Deleted(Deleted { topic: name("a"), version: version(stamp), stamp, index: 1, id: None });
    hear(&mut page, &deleted(6), None);
    assert_eq!(*heard.borrow(), Vec::<String>::new());
    hear(&mut page, &deleted(8), None);
    hear(&mut page, &snapshot("a", Some(7)), None);
    assert_eq!(*heard.borrow(), ["nothing"], "what was deleted does not come back");
    let (_, late) = value(&mut page, "a", None);
    assert_eq!(*late.borrow(), Vec::<String>::new());
}

#[test]
fn after_a_rewind_an_older_value_is_the_newest() {
    let mut page = Page::default();
    let (_, heard) = value(&mut page, "a", Some(painted("a", &[7], 7)));
    open(&mut page);
    hear(&mut page, &Event::Rewound, None);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a"), cause: GapCause::Rewound }), None);
    hear(&mut page, &snapshot("a", Some(2)), None);
    hear(&mut page, &joined(1, &["a"]), Some(2));
    assert_eq!(*heard.borrow(), ["gap rewound", "2", "joined"]);
}
