//! What the page writes: shown at once, confirmed by what comes back, undone on refusal, sent once.

use super::*;

const OWNER: u64 = 1;

/// A component that writes; says what it was told, and whether somebody has to begin sending.
fn write(page: &mut Page, topic: &str, kind: TopicKind, number: u64) -> (Heard, bool) {
    send(page, topic, kind, &format!("id-{number}"), Some(raw(number)))
}

/// A component that clears a State topic.
fn clear(page: &mut Page, topic: &str, id: &str) -> Heard {
    send(page, topic, TopicKind::State, id, None).0
}

fn send(page: &mut Page, topic: &str, kind: TopicKind, id: &str, data: Option<Box<RawValue>>) -> (Heard, bool) {
    let (sink, heard) = component();
    let mut calls = Calls::new();
    let begin = page.write(&name(topic), Write { id: id.into(), kind, data, owner: OWNER, sink }, &mut calls);
    tell(calls);
    (heard, begin)
}

fn deleted_as(topic: &str, stamp: u64, id: &str) -> Event {
    Event::Deleted(Deleted { topic: name(topic), version: version(stamp), stamp, index: stamp, id: Some(id.into()) })
}

fn answer(page: &mut Page, topic: &str, id: &str, stamp: u64) {
    let mut calls = Calls::new();
    page.written(&name(topic), id, Ok(Published { version: version(stamp), stamp }), &mut calls);
    tell(calls);
}

fn refuse(page: &mut Page, topic: &str, id: &str) {
    let error = FailureError { code: "invalid".to_owned(), message: "too long".to_owned() };
    let mut calls = Calls::new();
    page.written(&name(topic), id, Err(error), &mut calls);
    tell(calls);
}

fn unreached(page: &mut Page, topic: &str, id: &str) {
    let mut calls = Calls::new();
    page.unreached(&name(topic), id, "no network", &mut calls);
    tell(calls);
}

/// A page that shows a State topic, live.
fn live() -> (Page, Heard) {
    let mut page = Page::default();
    let (_, shown) = value(&mut page, "a", Some(painted("a", &[1], 1)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(1));
    shown.borrow_mut().clear();
    (page, shown)
}

#[test]
fn a_write_is_shown_at_once_and_confirmed_by_its_echo() {
    let (mut page, shown) = live();
    let (fate, begin) = write(&mut page, "a", TopicKind::State, 7);
    assert!(begin, "somebody has to send it");
    let asked = page.write_request(&name("a")).unwrap();
    assert_eq!((asked.data.as_ref().unwrap().get(), &*asked.id, asked.seen), ("7", "id-7", Some(version(1))));
    // The echo may come before the answer.
    hear(&mut page, &message_as("a", 9, Some("id-7")), Some(9));
    assert_eq!(*shown.borrow(), ["drafts 7", "9", "drafts "]);
    assert_eq!(*fate.borrow(), ["done"]);
    answer(&mut page, "a", "id-7", 9);
    assert!(page.write_request(&name("a")).is_none());
    assert_eq!(*fate.borrow(), ["done"], "told once");
}

#[test]
fn a_write_is_confirmed_by_a_newer_value() {
    let (mut page, shown) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    page.write_request(&name("a"));
    answer(&mut page, "a", "id-7", 5);
    hear(&mut page, &message("a", 4), Some(4));
    assert_eq!(*shown.borrow(), ["drafts 7", "4"], "an older one confirms nothing");
    // Its own value was skipped: another one came after it.
    hear(&mut page, &message("a", 6), Some(6));
    assert_eq!(*shown.borrow(), ["drafts 7", "4", "6", "drafts "]);
    assert_eq!(*fate.borrow(), ["done"]);
}

#[test]
fn a_newer_value_that_came_before_the_answer_confirms_with_it() {
    let (mut page, shown) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    page.write_request(&name("a"));
    hear(&mut page, &message("a", 6), Some(6));
    assert!(fate.borrow().is_empty(), "nobody knows yet which is newer");
    answer(&mut page, "a", "id-7", 5);
    assert_eq!((fate.borrow().join(" "), shown.borrow().last().unwrap().as_str()), ("done".to_owned(), "drafts "));
}

#[test]
fn what_the_streams_cursor_covers_is_confirmed() {
    let mut page = Page::default();
    hold(&mut page, "log", None);
    open(&mut page);
    hear(&mut page, &joined(1, &["log"]), Some(1));
    let (fate, _) = write(&mut page, "log", TopicKind::Events, 7);
    page.write_request(&name("log"));
    answer(&mut page, "log", "id-7", 5);
    hear(&mut page, &message("log", 4), Some(4));
    assert!(fate.borrow().is_empty());
    // Lost on the way, with a gap; the cursor has passed it.
    hear(&mut page, &Event::Gap(Gap { topic: pattern("log"), cause: GapCause::Slow }), None);
    hear(&mut page, &message("log", 6), Some(6));
    assert_eq!(*fate.borrow(), ["done"]);
}

#[test]
fn a_refusal_returns_to_the_servers_value_and_is_not_sent_again() {
    let (mut page, shown) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    page.write_request(&name("a"));
    hear(&mut page, &message("a", 3), Some(3));
    refuse(&mut page, "a", "id-7");
    assert_eq!(*shown.borrow(), ["drafts 7", "3", "drafts "], "the newest of the server is what is left");
    assert_eq!(*fate.borrow(), ["failed invalid"]);
    assert!(page.write_request(&name("a")).is_none());
}

#[test]
fn an_unanswered_write_is_sent_again_under_its_id_until_its_component_is_gone() {
    let (mut page, shown) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    for _ in 0..3 {
        assert_eq!(&*page.write_request(&name("a")).unwrap().id, "id-7");
        unreached(&mut page, "a", "id-7");
    }
    assert_eq!(*fate.borrow(), ["unreached", "unreached", "unreached"]);
    page.abandon(OWNER);
    assert_eq!(&*page.write_request(&name("a")).unwrap().id, "id-7", "once more: it may get through");
    unreached(&mut page, "a", "id-7");
    assert_eq!(fate.borrow().last().unwrap(), "failed unreached");
    assert!(page.write_request(&name("a")).is_none());
    assert_eq!(shown.borrow().last().unwrap(), "drafts ");
}

#[test]
fn an_unanswered_write_whose_echo_came_is_not_sent_again() {
    let (mut page, _) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    page.write_request(&name("a"));
    hear(&mut page, &message_as("a", 9, Some("id-7")), Some(9));
    unreached(&mut page, "a", "id-7");
    assert!(page.write_request(&name("a")).is_none());
    assert_eq!(*fate.borrow(), ["done"]);
}

#[test]
fn a_second_edit_goes_out_after_the_first_and_lies_above_it() {
    let (mut page, shown) = live();
    let (first, begin) = write(&mut page, "a", TopicKind::State, 2);
    assert!(begin && page.write_request(&name("a")).is_some());
    let (skipped, begin) = write(&mut page, "a", TopicKind::State, 3);
    assert!(!begin, "somebody is sending already");
    let (last, _) = write(&mut page, "a", TopicKind::State, 4);
    assert_eq!(*skipped.borrow(), ["done"], "the newer value stands for the one that nobody has sent");
    assert_eq!(shown.borrow().last().unwrap(), "drafts 2 4");
    assert_eq!(&*page.write_request(&name("a")).unwrap().id, "id-2", "until it is answered");
    answer(&mut page, "a", "id-2", 50);
    let second = page.write_request(&name("a")).unwrap();
    assert_eq!((&*second.id, second.seen), ("id-4", Some(version(50))));
    hear(&mut page, &message_as("a", 50, Some("id-2")), Some(50));
    assert_eq!((first.borrow().join(" "), shown.borrow().last().unwrap().as_str()), ("done".into(), "drafts 4"));
    answer(&mut page, "a", "id-4", 51);
    hear(&mut page, &message_as("a", 51, Some("id-4")), Some(51));
    assert_eq!((last.borrow().join(" "), shown.borrow().last().unwrap().as_str()), ("done".into(), "drafts "));
}

#[test]
fn messages_go_out_all_in_order_and_their_number_has_a_bound() {
    let (mut page, _) = live();
    let fates: Vec<_> = (0..65).map(|number| write(&mut page, "log", TopicKind::Events, number).0).collect();
    assert_eq!(*fates[64].borrow(), ["failed too-many-writes"]);
    for number in 0..64 {
        let id = format!("id-{number}");
        assert_eq!(*page.write_request(&name("log")).unwrap().id, *id);
        answer(&mut page, "log", &id, 100 + number);
        assert_eq!(*fates[number as usize].borrow(), ["done"], "nobody here shows the topic: the answer is enough");
    }
    assert!(page.write_request(&name("log")).is_none());
}

#[test]
fn a_component_that_comes_later_shows_what_is_pending() {
    let (mut page, _) = live();
    write(&mut page, "a", TopicKind::State, 7);
    let (_, late) = value(&mut page, "a", None);
    assert_eq!(late.borrow().last().unwrap(), "drafts 7");
}

#[test]
fn what_a_lost_past_had_accepted_does_not_stay_pending() {
    let (mut page, shown) = live();
    let (fate, _) = write(&mut page, "a", TopicKind::State, 7);
    page.write_request(&name("a"));
    // The stream is away when the answer comes, and the server is restarted before it is back.
    page.end();
    answer(&mut page, "a", "id-7", 5);
    assert!(fate.borrow().is_empty());
    open(&mut page);
    hear(&mut page, &Event::Rewound, None);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a"), cause: GapCause::Rewound }), None);
    hear(&mut page, &snapshot("a", None), None);
    assert_eq!(*fate.borrow(), ["done"]);
    assert_eq!(*shown.borrow(), ["drafts 7", "drafts ", "gap rewound", "nothing"]);
}

#[test]
fn a_clear_is_shown_at_once_and_confirmed_by_its_echo() {
    let (mut page, shown) = live();
    let fate = clear(&mut page, "a", "gone");
    let asked = page.write_request(&name("a")).unwrap();
    assert_eq!((asked.data.is_none(), &*asked.id, asked.seen), (true, "gone", Some(version(1))));
    // The answer is lost; the echo is enough, and it is not sent again.
    hear(&mut page, &deleted_as("a", 9, "gone"), Some(9));
    unreached(&mut page, "a", "gone");
    assert!(page.write_request(&name("a")).is_none());
    assert_eq!(*fate.borrow(), ["done"]);
    let shown = shown.borrow();
    assert_eq!(shown[..3], ["drafts clear", "nothing", "drafts "]);
    assert!(shown[3..].iter().all(|told| told == "drafts "), "{shown:?}");
}

#[test]
fn a_refused_clear_brings_the_servers_value_back() {
    let (mut page, shown) = live();
    let fate = clear(&mut page, "a", "gone");
    page.write_request(&name("a"));
    refuse(&mut page, "a", "gone");
    assert_eq!(*fate.borrow(), ["failed invalid"]);
    assert_eq!(*shown.borrow(), ["drafts clear", "drafts "], "the value was never taken away");
}

#[test]
fn a_value_after_a_clear_goes_out_after_it() {
    let (mut page, shown) = live();
    let cleared = clear(&mut page, "a", "gone");
    page.write_request(&name("a"));
    let (back, _) = write(&mut page, "a", TopicKind::State, 7);
    answer(&mut page, "a", "gone", 50);
    let second = page.write_request(&name("a")).unwrap();
    assert_eq!((&*second.id, second.seen), ("id-7", Some(version(50))));
    answer(&mut page, "a", "id-7", 51);
    hear(&mut page, &message_as("a", 51, Some("id-7")), Some(51));
    assert_eq!((cleared.borrow().join(" "), back.borrow().join(" ")), ("done".to_owned(), "done".to_owned()));
    assert_eq!(shown.borrow().last().unwrap(), "drafts ");
}
