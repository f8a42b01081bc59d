//! The page's promises, with the stream played by hand.

mod attendance;
mod begins;
mod faults;
mod patterns;
mod server;
mod versions;
mod writes;

use std::cell::RefCell;

use serde_json::value::RawValue;
use tidings_wire::{
    OriginTag, PaintedItem, Version,
    event::{GapCause, Hello, Joining, Refused, RefusedReason, SnapshotValue},
};

use super::*;

const NODE: OriginTag = OriginTag::from_low_bits(7);

type Heard = Rc<RefCell<Vec<String>>>;

fn name(topic: &str) -> TopicName {
    TopicName::new(topic).unwrap()
}

fn pattern(pattern: &str) -> Pattern {
    Pattern::new(pattern).unwrap()
}

fn cursor(stamp: u64) -> Cursor {
    let mut cursor = Cursor::issued_at(1);
    cursor.set(NODE, stamp);
    cursor
}

fn version(stamp: u64) -> Version {
    Version::new(stamp, 0, NODE)
}

fn raw(value: u64) -> Box<RawValue> {
    serde_json::from_str(&value.to_string()).unwrap()
}

fn message(topic: &str, stamp: u64) -> Event {
    message_as(topic, stamp, None)
}

/// A message with a publish id.
fn message_as(topic: &str, stamp: u64, id: Option<&str>) -> Event {
    let (topic, version, data) = (name(topic), version(stamp), raw(stamp));
    Event::Message(Message { topic, version, stamp, index: stamp, from: None, id: id.map(Into::into), data })
}

fn snapshot(topic: &str, stamp: Option<u64>) -> Event {
    let value = stamp.map(|stamp| SnapshotValue { version: version(stamp), data: raw(stamp) });
    Event::Snapshot(Snapshot { topic: name(topic), value })
}

fn joined(call: u64, live: &[&str]) -> Event {
    Event::Joined(Joined { live: live.iter().map(|topic| pattern(topic)).collect(), ..Joined::of(call) })
}

fn painted(topic: &str, stamps: &[u64], at: u64) -> Painted {
    let items = stamps.iter().map(|stamp| PaintedItem {
        topic: None,
        version: version(*stamp),
        stamp: *stamp,
        data: raw(*stamp),
    });
    Painted { topic: pattern(topic), cursor: cursor(at), now_ms: 1, items: items.collect() }
}

/// A component that writes down what it is told.
fn component() -> (Sink, Heard) {
    let heard = Heard::default();
    let writes = heard.clone();
    let sink: Sink = Rc::new(move |news: &News| {
        writes.borrow_mut().push(match news {
            News::Item(item) => item.data.get().to_owned(),
            News::Nothing(_) => "nothing".to_owned(),
            News::Gap(cause) => format!("gap {}", cause.as_str()),
            News::Joined => "joined".to_owned(),
            News::Refused => "refused".to_owned(),
            News::Drafts(_, drafts) => {
                let drafts: Vec<_> =
                    drafts.iter().map(|draft| draft.data.as_ref().map_or("clear", |data| data.get())).collect();
                format!("drafts {}", drafts.join(" "))
            }
            News::Write(fate) => match fate {
                Fate::Unreached => "unreached".to_owned(),
                Fate::Done => "done".to_owned(),
                Fate::Failed(error) => format!("failed {}", error.code),
            },
            News::Present(entries) => format!("present {}", entries.len()),
            News::Presence(diff) => format!("joins {} leaves {}", diff.joins.len(), diff.leaves.len()),
            News::Absent(message) => format!("absent: {message}"),
        });
    });
    (sink, heard)
}

fn hold(page: &mut Page, topic: &str, painted: Option<Painted>) -> (HoldId, Heard) {
    hold_as(page, topic, Depth::Last(3), painted)
}

fn hold_as(page: &mut Page, topic: &str, depth: Depth, painted: Option<Painted>) -> (HoldId, Heard) {
    let (sink, heard) = component();
    let mut calls = Calls::new();
    let id = page.hold(&pattern(topic), depth, painted, sink, &mut calls);
    tell(calls);
    (id, heard)
}

/// A component of a State topic.
fn value(page: &mut Page, topic: &str, painted: Option<Painted>) -> (HoldId, Heard) {
    hold_as(page, topic, Depth::Newest, painted)
}

fn release(page: &mut Page, hold: &HoldId) {
    let mut calls = Calls::new();
    page.release(hold, &mut calls);
    tell(calls);
}

fn hear(page: &mut Page, event: &Event, id: Option<u64>) {
    let mut calls = Calls::new();
    page.event(event, id.map(cursor), &mut calls);
    tell(calls);
}

fn tell(calls: Calls) {
    calls.iter().for_each(|(sink, news)| sink(news));
}

fn open(page: &mut Page) -> Open {
    let open = page.open();
    let hello =
        Hello { wire: 1, build: String::new(), node: "alpha".into(), page: Some("p".into()), now_ms: 1, beat_ms: 1 };
    hear(page, &Event::Hello(hello), None);
    hear(page, &Event::Joining(Joining { call: open.call }), None);
    open
}

/// Sends what has changed; the server begins with it.
fn change(page: &mut Page) -> Change {
    let change = page.change().expect("something has changed");
    hear(page, &Event::Joining(Joining { call: change.call }), None);
    change
}

fn after(open: &Open, topic: &str) -> Option<String> {
    open.hold.iter().find(|hold| hold.topic.as_str() == topic).expect(topic).after.clone()
}

#[test]
fn components_painted_apart_each_get_what_they_lack() {
    let mut page = Page::default();
    let (_, early) = hold(&mut page, "a", Some(painted("a", &[10], 10)));
    let (_, late) = hold(&mut page, "a", Some(painted("a", &[10, 11, 12], 12)));
    let open = open(&mut page);
    assert_eq!(after(&open, "a"), Some(cursor(10).to_string()), "the stream begins at the earliest");
    for stamp in [11, 12, 13] {
        hear(&mut page, &message("a", stamp), Some(stamp));
    }
    assert_eq!(*early.borrow(), ["11", "12", "13"]);
    assert_eq!(*late.borrow(), ["13"]);
}

#[test]
fn a_component_that_comes_later_gets_what_the_page_has() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[1, 2], 2)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(2));
    hear(&mut page, &message("a", 3), Some(3));
    hear(&mut page, &message("a", 4), Some(4));
    let (_, late) = hold(&mut page, "a", None);
    assert_eq!(*late.borrow(), ["2", "3", "4", "joined"], "the last three, and that it is live");
    assert!(page.change().is_none(), "the server need not be asked");
    hear(&mut page, &message("a", 5), Some(5));
    assert_eq!(late.borrow().last().unwrap(), "5");
}

#[test]
fn what_is_told_again_after_a_cut_is_told_once() {
    let mut page = Page::default();
    let (_, heard) = hold(&mut page, "a", None);
    let first = open(&mut page);
    assert_eq!(after(&first, "a"), None, "nothing is known: begin with what is retained");
    hear(&mut page, &message("a", 1), Some(1));
    hear(&mut page, &message("a", 2), Some(2));
    // Cut before `joined`: what was retained is told again.
    let again = open(&mut page);
    assert_eq!(after(&again, "a"), Some(cursor(2).to_string()), "what is retained then may begin later");
    for stamp in [2, 3] {
        hear(&mut page, &message("a", stamp), Some(stamp));
    }
    hear(&mut page, &joined(2, &["a"]), Some(3));
    assert_eq!(*heard.borrow(), ["1", "2", "3", "joined"]);
    let third = open(&mut page);
    assert_eq!(after(&third, "a"), Some(cursor(3).to_string()));
}

#[test]
fn an_idle_topic_moves_with_the_stream() {
    let mut page = Page::default();
    hold(&mut page, "idle", Some(painted("idle", &[], 5)));
    hold(&mut page, "busy", Some(painted("busy", &[], 5)));
    open(&mut page);
    hear(&mut page, &joined(1, &["idle", "busy"]), Some(5));
    hear(&mut page, &message("busy", 900), Some(900));
    let again = open(&mut page);
    assert_eq!(after(&again, "idle"), Some(cursor(900).to_string()), "or its cursor would grow too old");
}

#[test]
fn ids_of_messages_told_again_move_nobody_else() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[], 100)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(100));
    // `b` comes later and catches up from 50; `c` has not been joined at all.
    hold(&mut page, "b", Some(painted("b", &[], 50)));
    hold(&mut page, "c", Some(painted("c", &[], 50)));
    assert_eq!(change(&mut page).hold.len(), 2, "one call for both");
    hear(&mut page, &message("b", 60), Some(60));
    let again = open(&mut page);
    assert_eq!(after(&again, "a"), Some(cursor(100).to_string()));
    assert_eq!(after(&again, "b"), Some(cursor(60).to_string()));
    assert_eq!(after(&again, "c"), Some(cursor(50).to_string()), "what it lacks has not been told");
}

#[test]
fn a_rewound_node_begins_anew() {
    let mut page = Page::default();
    let (_, heard) = hold(&mut page, "a", Some(painted("a", &[8], 8)));
    open(&mut page);
    hear(&mut page, &Event::Rewound, None);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a"), cause: GapCause::Rewound }), None);
    hear(&mut page, &message("a", 1), Some(1));
    hear(&mut page, &joined(1, &["a"]), Some(1));
    assert_eq!(*heard.borrow(), ["gap rewound", "1", "joined"], "a lower stamp is no repetition now");
    let again = open(&mut page);
    assert_eq!(after(&again, "a"), Some(cursor(1).to_string()), "nothing of the lost past is asked for again");
}

#[test]
fn the_last_component_takes_its_topic_along() {
    let mut page = Page::default();
    let (first, _) = hold(&mut page, "a", None);
    let (second, heard) = hold(&mut page, "a", None);
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(1));
    release(&mut page, &first);
    assert!(page.change().is_none(), "the other one still holds it");
    release(&mut page, &second);
    let change = page.change().unwrap();
    assert_eq!((change.call, change.release), (2, vec![pattern("a")]));
    hear(&mut page, &message("a", 2), Some(2));
    assert_eq!(*heard.borrow(), ["joined"], "who has let go hears nothing");
    assert!(page.is_empty());
}

#[test]
fn let_go_and_held_again_in_one_tick_is_nothing() {
    let mut page = Page::default();
    let (first, _) = hold(&mut page, "a", None);
    open(&mut page);
    hear(&mut page, &message("a", 4), Some(4));
    hear(&mut page, &joined(1, &["a"]), Some(4));
    release(&mut page, &first);
    let (_, heard) = hold(&mut page, "a", None);
    assert!(page.change().is_none(), "nobody has to be told");
    hear(&mut page, &message("a", 5), Some(5));
    assert_eq!(*heard.borrow(), ["4", "joined", "5"]);
}

#[test]
fn a_page_keeps_its_last_id_until_a_stream_is_open_again() {
    let mut page = Page::default();
    hold(&mut page, "a", None);
    assert_eq!(open(&mut page).page, None);
    page.end();
    assert!(page.change().is_none(), "there is no stream to change");
    assert_eq!(page.open().page.as_deref(), Some("p"));
    assert_eq!(page.open().page.as_deref(), Some("p"), "also after a try that failed");
}

#[test]
fn changes_before_hello_travel_after_it() {
    let mut page = Page::default();
    hold(&mut page, "a", None);
    page.open();
    hold(&mut page, "b", None);
    assert!(page.change().is_none(), "there is no stream to change yet");
    let hello =
        Hello { wire: 1, build: String::new(), node: "alpha".into(), page: Some("p".into()), now_ms: 1, beat_ms: 1 };
    hear(&mut page, &Event::Hello(hello), None);
    let change = page.change().unwrap();
    assert_eq!((change.page.as_str(), change.call), ("p", 2));
    assert_eq!(change.hold[0].topic, pattern("b"));
}

#[test]
fn values_come_and_go() {
    let mut page = Page::default();
    let (_, heard) = value(&mut page, "a", None);
    open(&mut page);
    hear(&mut page, &snapshot("a", Some(3)), None);
    let deleted = Deleted { topic: name("a"), version: version(4), stamp: 4, index: 4, id: None };
    hear(&mut page, &Event::Deleted(deleted), Some(4));
    hear(&mut page, &joined(1, &["a"]), Some(4));
    assert_eq!(*heard.borrow(), ["3", "nothing", "joined"]);
    let (_, late) = value(&mut page, "a", None);
    assert_eq!(*late.borrow(), ["joined"], "there is nothing to be told");
}

#[test]
fn a_refused_topic_is_told() {
    let mut page = Page::default();
    let (_, heard) = hold(&mut page, "a", None);
    open(&mut page);
    let refused = vec![Refused { topic: pattern("a"), reason: RefusedReason::Forbidden }];
    hear(&mut page, &Event::Joined(Joined { refused, ..Joined::of(1) }), Some(1));
    assert_eq!(*heard.borrow(), ["refused"]);
}

#[test]
fn a_refused_topic_tells_who_comes_later_too() {
    let mut page = Page::default();
    hold(&mut page, "a", None);
    open(&mut page);
    let refused = vec![Refused { topic: pattern("a"), reason: RefusedReason::Forbidden }];
    hear(&mut page, &Event::Joined(Joined { refused, ..Joined::of(1) }), Some(1));
    let (_, late) = hold(&mut page, "a", None);
    assert_eq!(*late.borrow(), ["refused"]);
}

#[test]
fn a_name_that_changes_moves_the_subscription_in_one_call() {
    let mut page = Page::default();
    let (first, heard) = hold(&mut page, "board/1", None);
    open(&mut page);
    hear(&mut page, &joined(1, &["board/1"]), Some(1));
    release(&mut page, &first);
    let (_, moved) = hold(&mut page, "board/2", None);
    let change = change(&mut page);
    assert_eq!((change.hold.len(), change.hold[0].topic.as_str()), (1, "board/2"));
    assert_eq!(change.release, [pattern("board/1")]);
    hear(&mut page, &message("board/1", 2), Some(2));
    hear(&mut page, &message("board/2", 3), Some(3));
    assert_eq!((heard.borrow().join(" "), moved.borrow().join(" ")), ("joined".to_owned(), "3".to_owned()));
}

#[test]
fn two_hundred_components_are_one_call() {
    let mut page = Page::default();
    for number in 0..200 {
        hold(&mut page, &format!("card/{number}"), None);
    }
    assert_eq!(open(&mut page).hold.len(), 200);
    for number in 0..200 {
        hold(&mut page, &format!("other/{number}"), None);
        hold(&mut page, &format!("card/{number}"), None);
    }
    let change = change(&mut page);
    assert_eq!((change.call, change.hold.len()), (2, 200), "what is held already is not asked for");
    assert!(page.change().is_none());
}
