//! Where a component or a topic begins, and begins again: late, after a gap, after a cut, after it was closed.

use tidings_wire::live::RIGHTS_CALL;

use super::*;

#[test]
fn a_component_painted_much_later_is_not_told_what_the_page_was_painted_with() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[1, 2], 2)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(2));
    let (_, late) = hold(&mut page, "a", Some(painted("a", &[101, 102], 102)));
    // On their way while the page was rendered on.
    hear(&mut page, &message("a", 3), Some(3));
    hear(&mut page, &message("a", 103), Some(103));
    assert_eq!(*late.borrow(), ["joined", "103"]);
}

#[test]
fn a_component_that_comes_after_a_gap_gets_no_history_with_a_hole() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[1, 2], 2)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(2));
    hear(&mut page, &Event::Gap(Gap { topic: pattern("a"), cause: GapCause::Slow }), None);
    hear(&mut page, &message("a", 9), Some(9));
    assert_eq!(*hold(&mut page, "a", None).1.borrow(), ["9", "joined"]);
}

#[test]
fn who_wanted_more_is_cut_and_the_others_go_on_where_they_were() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[8, 9], 9)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(9));
    hold_as(&mut page, "a", Depth::Last(9), None);
    let asked = page.change().expect("the server has more");
    assert_eq!(asked.hold[0].after, None);
    // Cut before anything of it came: the others have all up to here, and what is retained may begin later.
    hear(&mut page, &message("a", 10), Some(10));
    hear(&mut page, &Event::Joining(Joining { call: asked.call }), None);
    assert_eq!(after(&open(&mut page), "a"), Some(cursor(10).to_string()));
}

#[test]
fn a_topic_that_is_closed_meanwhile_goes_on_from_where_it_was_closed() {
    let mut page = Page::default();
    let (_, heard) = hold(&mut page, "a", None);
    open(&mut page);
    hear(&mut page, &message("a", 3), Some(3));
    hear(&mut page, &joined(1, &["a"]), Some(3));
    let refused = vec![Refused { topic: pattern("a"), reason: RefusedReason::Forbidden }];
    hear(&mut page, &Event::Joined(Joined { refused, ..Joined::of(RIGHTS_CALL) }), Some(3));
    // The stream goes on without it, and its cursor covers what was not told.
    hear(&mut page, &message("b", 9), Some(9));
    assert_eq!(after(&open(&mut page), "a"), Some(cursor(3).to_string()));
    hear(&mut page, &message("a", 8), Some(9));
    hear(&mut page, &joined(2, &["a"]), Some(9));
    assert_eq!(*heard.borrow(), ["3", "joined", "refused", "8", "joined"]);
}

#[test]
fn a_component_taken_over_later_gets_what_came_since_its_paint() {
    let mut page = Page::default();
    hold(&mut page, "a", Some(painted("a", &[1], 1)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(1));
    hear(&mut page, &message("a", 2), Some(2));
    // Its part of the page came later on the wire, and was painted with the first message alone.
    let (_, late) = hold(&mut page, "a", Some(painted("a", &[1], 1)));
    hear(&mut page, &message("a", 3), Some(3));
    assert_eq!(*late.borrow(), ["2", "joined", "3"]);
}

#[test]
fn who_wants_more_than_the_page_has_gets_it_and_the_others_hear_nothing_twice() {
    let mut page = Page::default();
    let (_, short) = hold(&mut page, "a", Some(painted("a", &[8, 9], 9)));
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(9));
    let (sink, deep) = component();
    page.hold(&pattern("a"), Depth::Last(9), None, sink, &mut Calls::new());
    let asked = page.change().expect("the server has more");
    assert_eq!((asked.hold[0].last, &asked.hold[0].after), (Some(9), &None));
    hear(&mut page, &message("a", 10), Some(10));
    hear(&mut page, &Event::Joining(Joining { call: asked.call }), None);
    for stamp in 2..=10 {
        hear(&mut page, &message("a", stamp), Some(stamp));
    }
    hear(&mut page, &joined(asked.call, &["a"]), Some(10));
    assert_eq!(*short.borrow(), ["joined", "10", "joined"]);
    assert_eq!(deep.borrow().len(), 10, "nine messages, and that it is live: {deep:?}");
    let (sink, third) = component();
    let mut calls = Calls::new();
    page.hold(&pattern("a"), Depth::Last(9), None, sink, &mut calls);
    tell(calls);
    assert_eq!(third.borrow().len(), 10, "the page has them now");
}

#[test]
fn messages_of_an_earlier_hold_do_not_hide_what_is_retained() {
    let mut page = Page::default();
    let (first, _) = hold(&mut page, "a", None);
    open(&mut page);
    hear(&mut page, &joined(1, &["a"]), Some(2));
    release(&mut page, &first);
    change(&mut page);
    let (_, heard) = hold(&mut page, "a", None);
    let asked = page.change().expect("held anew");
    // Sent before the server let go, or before it began anew: it will all be told again.
    hear(&mut page, &message("a", 3), Some(3));
    hear(&mut page, &Event::Joining(Joining { call: asked.call }), None);
    for stamp in [1, 2, 3] {
        hear(&mut page, &message("a", stamp), Some(stamp));
    }
    hear(&mut page, &joined(asked.call, &["a"]), Some(3));
    assert_eq!(*heard.borrow(), ["1", "2", "3", "joined"]);
}
