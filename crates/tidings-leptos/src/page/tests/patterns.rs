//! A pattern is one hold with many topics.

use tidings_wire::event::Complete;

use super::*;

/// A component of a pattern; it writes down topics with their values.
fn rows(page: &mut Page, of: &str, painted: Option<Painted>) -> (HoldId, Heard) {
    let heard = Heard::default();
    let writes = heard.clone();
    let sink: Sink = Rc::new(move |news: &News| {
        writes.borrow_mut().push(match news {
            News::Item(item) => format!("{}={}", item.topic, item.data.get()),
            News::Nothing(topic) => format!("{topic} gone"),
            News::Gap(cause) => format!("gap {}", cause.as_str()),
            News::Joined => "joined".to_owned(),
            News::Drafts(topic, drafts) => format!("{topic} drafts {}", drafts.len()),
            other => format!("{other:?}"),
        });
    });
    let mut calls = Calls::new();
    let id = page.hold(&pattern(of), Depth::Newest, painted, sink, &mut calls);
    tell(calls);
    (id, heard)
}

fn complete(of: &str) -> Event {
    Event::Complete(Complete { pattern: pattern(of) })
}

fn painted_rows(of: &str, rows: &[(&str, u64)], at: u64) -> Painted {
    let item = |(topic, stamp): &(&str, u64)| PaintedItem {
        stamp: *stamp,
        topic: Some(name(topic)),
        version: version(*stamp),
        data: raw(*stamp),
    };
    Painted { topic: pattern(of), cursor: cursor(at), now_ms: 1, items: rows.iter().map(item).collect() }
}

#[test]
fn a_pattern_hears_of_all_its_topics_and_of_no_other() {
    let mut page = Page::default();
    let (_, heard) = rows(&mut page, "a/*", None);
    let (_, one) = value(&mut page, "a/2", None);
    let asked = open(&mut page);
    assert_eq!(asked.hold.len(), 2);
    hear(&mut page, &snapshot("a/1", Some(1)), None);
    hear(&mut page, &snapshot("a/2", Some(2)), None);
    hear(&mut page, &complete("a/*"), None);
    hear(&mut page, &joined(1, &["a/*", "a/2"]), Some(2));
    hear(&mut page, &message("a/3", 3), Some(3));
    hear(&mut page, &message("b/1", 4), Some(4));
    hear(&mut page, &message("a/2", 5), Some(5));
    assert_eq!(*heard.borrow(), ["a/1=1", "a/2=2", "joined", "a/3=3", "a/2=5"]);
    assert_eq!(*one.borrow(), ["2", "joined", "5"]);
    let (_, late) = rows(&mut page, "a/*", None);
    assert_eq!(*late.borrow(), ["a/1=1", "a/2=5", "a/3=3", "joined"]);
}

#[test]
fn what_a_snapshot_does_not_name_is_gone_once_it_is_complete() {
    let mut page = Page::default();
    let painted = painted_rows("a/*", &[("a/1", 1), ("a/2", 2), ("a/3", 3)], 3);
    let (_, heard) = rows(&mut page, "a/*", Some(painted));
    let asked = open(&mut page);
    assert_eq!(after(&asked, "a/*"), Some(cursor(3).to_string()));
    hear(&mut page, &joined(1, &["a/*"]), Some(3));
    assert_eq!(*heard.borrow(), ["joined"], "all of it was painted");
    // The page was away for too long.
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a/*"), cause: GapCause::CursorTooOld }), None);
    hear(&mut page, &snapshot("a/1", Some(1)), None);
    hear(&mut page, &snapshot("a/4", Some(9)), None);
    hear(&mut page, &message("a/3", 10), Some(10));
    hear(&mut page, &complete("a/*"), None);
    let told = heard.borrow()[1..].to_vec();
    assert_eq!(told, ["gap cursor-too-old", "a/1=1", "a/4=9", "a/3=10", "a/2 gone"]);
}

#[test]
fn a_gap_without_a_snapshot_removes_nothing() {
    let mut page = Page::default();
    let painted = painted_rows("a/*", &[("a/1", 1)], 1);
    let (_, heard) = rows(&mut page, "a/*", Some(painted));
    open(&mut page);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a/*"), cause: GapCause::Limit }), None);
    hear(&mut page, &complete("a/*"), None);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a/1"), cause: GapCause::Slow }), None);
    assert_eq!(*heard.borrow(), ["gap limit", "gap slow"]);
}

#[test]
fn a_rewound_pattern_takes_older_values_and_lets_go_of_the_rest() {
    let mut page = Page::default();
    let painted = painted_rows("a/*", &[("a/1", 8), ("a/2", 9)], 9);
    let (_, heard) = rows(&mut page, "a/*", Some(painted));
    open(&mut page);
    hear(&mut page, &Event::Rewound, None);
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a/*"), cause: GapCause::Rewound }), None);
    hear(&mut page, &snapshot("a/1", Some(1)), None);
    hear(&mut page, &complete("a/*"), None);
    hear(&mut page, &joined(1, &["a/*"]), Some(1));
    assert_eq!(*heard.borrow(), ["gap rewound", "a/1=1", "a/2 gone", "joined"]);
}

#[test]
fn a_write_is_shown_by_patterns_too() {
    let mut page = Page::default();
    let (_, heard) = rows(&mut page, "a/*", None);
    let (sink, _) = component();
    let mut calls = Calls::new();
    let write = Write { id: "1".into(), kind: TopicKind::State, data: Some(raw(1)), owner: 0, sink };
    page.write(&name("a/1"), write, &mut calls);
    tell(calls);
    let (_, late) = rows(&mut page, "a/**", None);
    assert_eq!(
        (heard.borrow().clone(), late.borrow().clone()),
        (vec!["a/1 drafts 1".to_owned()], vec!["a/1 drafts 1".to_owned()])
    );
}

#[test]
fn a_component_of_one_row_begins_with_what_the_pattern_knows() {
    let mut page = Page::default();
    rows(&mut page, "a/*", Some(painted_rows("a/*", &[("a/1", 1), ("a/2", 2)], 2)));
    open(&mut page);
    hear(&mut page, &message("a/1", 3), Some(3));
    let (_, one) = value(&mut page, "a/1", None);
    assert_eq!(*one.borrow(), ["3"], "before the server has been asked");
    assert_eq!(page.change().expect("it is asked all the same").hold.len(), 1);
}
