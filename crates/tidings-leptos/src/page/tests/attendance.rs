//! Presence: what a page asks for, and what it tells its components.

use tidings_wire::{
    PresenceEntry, Reference,
    event::{PresenceDiff, PresenceRefused, Present},
};

use super::{
    super::attendance::{TrackId, WatchId},
    *,
};

fn meta(text: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(text).unwrap()
}

fn entry(key: &str) -> PresenceEntry {
    PresenceEntry { key: key.into(), id: "1".into(), meta: meta("hello"), fading: false, mine: false }
}

fn list(topic: &str, keys: &[&str]) -> Event {
    Event::Present(Present { topic: name(topic), entries: keys.iter().map(|key| entry(key)).collect() })
}

fn joins(topic: &str, key: &str) -> Event {
    Event::Presence(PresenceDiff { topic: name(topic), joins: vec![entry(key)], leaves: Vec::new() })
}

/// What a component was told since this was last asked.
fn take(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut heard.borrow_mut())
}

fn watch(page: &mut Page, topic: &str) -> (WatchId, Heard) {
    let (sink, heard) = component();
    let mut calls = Calls::new();
    let id = page.attendance.watch(&name(topic), sink, &mut calls);
    tell(calls);
    (id, heard)
}

fn track(page: &mut Page, topic: &str, says: &str) -> (TrackId, Heard) {
    let (sink, heard) = component();
    (page.attendance.track(&name(topic), "ann", meta(says), sink), heard)
}

/// A page whose stream is open, with nothing.
fn open() -> Page {
    let mut page = Page::default();
    page.attendance.refer(Reference::from_bytes([1; 16]));
    page.open();
    let hello =
        Hello { wire: 1, build: String::new(), node: "a".into(), page: Some("p".into()), now_ms: 0, beat_ms: 1 };
    hear(&mut page, &Event::Hello(hello), None);
    page
}

/// What a change asks of presence, in short.
fn asked(change: Option<Change>) -> Option<String> {
    let presence = change?.presence;
    assert_eq!(presence.reference, Some(Reference::from_bytes([1; 16])));
    let tracks: Vec<_> = presence.track.iter().map(|track| format!("{} {}", track.topic, track.meta.get())).collect();
    let gone: Vec<_> = presence.untrack.iter().map(|gone| gone.topic.as_str()).collect();
    let names = |names: &[TopicName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (watch, unwatch) = (names(&presence.watch), names(&presence.unwatch));
    Some(format!("watch {watch}; unwatch {unwatch}; track {}; untrack {}", tracks.join(","), gone.join(",")))
}

#[test]
fn all_of_a_tick_travels_in_one_call() {
    let mut page = open();
    let (watching, _) = watch(&mut page, "room");
    let (being, _) = track(&mut page, "room", "hello");
    page.attendance.retrack(&being, meta("typing"));
    assert_eq!(asked(page.change()).unwrap(), "watch room; unwatch ; track room \"typing\"; untrack ");
    page.attendance.retrack(&being, meta("typing"));
    assert!(page.change().is_none(), "the same again is told to nobody");
    page.attendance.retrack(&being, meta("away"));
    assert_eq!(asked(page.change()).unwrap(), "watch ; unwatch ; track room \"away\"; untrack ");
    page.attendance.unwatch(&watching);
    page.attendance.untrack(&being);
    assert_eq!(asked(page.change()).unwrap(), "watch ; unwatch room; track ; untrack room");
    assert!(page.is_empty() && page.change().is_none());
}

#[test]
fn what_is_let_go_and_wanted_again_before_a_call_stays() {
    let mut page = open();
    let (watching, _) = watch(&mut page, "room");
    let (being, _) = track(&mut page, "room", "hello");
    page.change();
    page.attendance.unwatch(&watching);
    page.attendance.untrack(&being);
    let (again, _) = watch(&mut page, "room");
    track(&mut page, "room", "hello");
    assert!(page.change().is_none());
    // Never asked for, and let go of.
    let (passing, _) = watch(&mut page, "hall");
    page.attendance.unwatch(&passing);
    assert!(page.change().is_none());
    page.attendance.unwatch(&again);
    assert_eq!(asked(page.change()).unwrap(), "watch ; unwatch room; track ; untrack ");
}

#[test]
fn a_stream_that_is_opened_again_asks_for_everything_and_begins_with_the_list() {
    let mut page = open();
    let (_, heard) = watch(&mut page, "room");
    let (being, _) = track(&mut page, "room", "hello");
    page.change();
    hear(&mut page, &joins("room", "early"), None);
    assert_eq!(take(&heard), Vec::<String>::new(), "before the list a diff says nothing");
    hear(&mut page, &list("room", &["ann", "bob"]), None);
    hear(&mut page, &joins("room", "cyd"), None);
    assert_eq!(take(&heard), ["present 2", "joins 1 leaves 0"]);
    page.end();
    page.attendance.retrack(&being, meta("offline"));
    let (_, later) = watch(&mut page, "room");
    assert_eq!(take(&later), ["present 3"], "who comes later is told what the page knows");
    let presence = page.open().presence;
    assert_eq!((presence.watch.len(), presence.track[0].meta.get()), (1, "\"offline\""));
    assert!(page.change().is_none(), "it is all in there");
    hear(&mut page, &list("room", &["bob"]), None);
    assert_eq!((take(&heard), take(&later)), (vec!["present 1".to_owned()], vec!["present 1".to_owned()]));
}

#[test]
fn two_components_are_one_entry_until_both_are_gone() {
    let mut page = open();
    let (first, _) = track(&mut page, "room", "reading");
    let (second, _) = track(&mut page, "room", "typing");
    assert_eq!(asked(page.change()).unwrap(), "watch ; unwatch ; track room \"typing\"; untrack ");
    page.attendance.untrack(&second);
    assert!(page.change().is_none());
    page.attendance.untrack(&first);
    assert_eq!(asked(page.change()).unwrap(), "watch ; unwatch ; track ; untrack room");
}

#[test]
fn a_refusal_reaches_who_it_concerns() {
    let mut page = open();
    let (_, list_heard) = watch(&mut page, "room");
    let (_, entry_heard) = track(&mut page, "room", "hello");
    page.change();
    let refused = |key: Option<&str>| PresenceRefused {
        topic: name("room"),
        key: key.map(Into::into),
        reason: RefusedReason::Forbidden,
        message: "no".to_owned(),
    };
    let absent = vec![refused(None), refused(Some("ann")), refused(Some("bob"))];
    hear(&mut page, &Event::Joined(Joined { absent, ..Joined::of(2) }), Some(1));
    assert_eq!((take(&list_heard), take(&entry_heard)), (vec!["refused".to_owned()], vec!["absent: no".to_owned()]));
    let (_, later) = watch(&mut page, "room");
    assert_eq!(take(&later), ["refused"]);
    hear(&mut page, &list("room", &["ann"]), None);
    assert_eq!(take(&list_heard), ["present 1"], "it was opened to the page");
}
