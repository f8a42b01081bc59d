//! Promise 2 on one node: from a cursor, each message once, or a gap; of a State topic the newest value.

mod support;

use std::collections::HashMap;

use support::{
    HandClock, Said, cursor_of, hub, hub_on, hub_with, join, joined, messages, name, number, pattern, poll_once,
    publish, read, read_up_to_here, said, said_of_topics, shards_have_marked, value,
};
use tidings::{
    Delivery, Hub, Start,
    wire::{Cursor, OriginTag, event::GapCause},
};

fn gap(topic: &str, cause: GapCause) -> Said {
    Said::Gap(topic.to_owned(), cause)
}

fn snapshot(topic: &str, value: Option<u64>) -> Said {
    Said::Snapshot(topic.to_owned(), value)
}

/// What a client that was cut off gets when it comes back with a cursor.
async fn resume(hub: &Hub, topics: &[&str], cursor: &str) -> Vec<Said> {
    said_of_topics(&joined(hub, topics, &Start::After(cursor.into())).await.1)
}

#[tokio::test]
async fn now_retained_and_after_begin_where_they_say() {
    let hub = hub();
    publish(&hub, "history/a", 0..3);
    let cursor = hub.cursor();
    publish(&hub, "history/a", 3..6);
    for (start, wanted) in [
        (Start::Now, 6..6),
        (Start::RETAINED, 0..6),
        (Start::Retained { last: 2 }, 4..6),
        (Start::Retained { last: 6 }, 0..6),
        (Start::Retained { last: 7 }, 0..6),
        (Start::Retained { last: 0 }, 6..6),
        (Start::After(cursor), 3..6),
        (Start::After(hub.cursor()), 6..6),
    ] {
        let (mut reader, heard) = joined(&hub, &["history/a"], &start).await;
        assert_eq!(said_of_topics(&heard), messages("history/a", wanted), "{start:?}");
        hub.broadcast("history/b", number(0)).unwrap();
        assert_eq!(said(&read_up_to_here(&mut reader).await), [], "{start:?}");
    }
}

#[tokio::test]
async fn a_state_topic_begins_with_its_value_or_with_the_word_that_it_has_none() {
    let hub = hub();
    publish(&hub, "value/a", 0..3);
    let (mut reader, heard) = joined(&hub, &["value/a", "value/b"], &Start::RETAINED).await;
    assert_eq!(said_of_topics(&heard), [snapshot("value/a", Some(2)), snapshot("value/b", None)]);
    publish(&hub, "value/a", [3]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [3]));
    assert_eq!(said_of_topics(&joined(&hub, &["value/a"], &Start::Now).await.1), []);
}

/// A value that is published after the join and before the first poll is in the snapshot, or comes after it: once.
#[tokio::test]
async fn a_value_newer_than_the_join_is_handed_out_once() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("value/a"), Start::RETAINED)]).is_empty());
    publish(&hub, "value/a", [2]);
    assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), [snapshot("value/a", Some(2))]);
}

/// Each step of a finished history is a place where the line may be cut; also in the middle of a batch.
#[tokio::test]
async fn a_cut_at_any_step_makes_no_hole_and_no_double() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let start = hub.cursor();
    let mut wanted = Vec::new();
    for step in 0..40 {
        let topic = ["history/a", "history/b"][(step * step / 3 % 2) as usize];
        publish(&hub, topic, [step]);
        wanted.push(Said::Message(topic.into(), step));
    }
    for cut in 0..=wanted.len() {
        let (mut heard, mut cursor) = (Vec::new(), start.clone());
        for rest in [cut, usize::MAX] {
            let mut reader = hub.reader().unwrap();
            let topics = ["history/a", "history/b"].map(|topic| (pattern(topic), Start::After(cursor.clone())));
            assert!(reader.join(1, topics.into()).is_empty());
            for delivery in read_up_to_here(&mut reader).await.into_iter().take(rest) {
                cursor = cursor_of(&delivery).unwrap_or(cursor);
                heard.push(delivery);
            }
        }
        assert_eq!(said_of_topics(&heard), wanted, "cut after {cut}");
    }
}

/// Was wrong: a join's place lies below what is read in the same poll, and its cursor is handed out after it: whoever
/// resumes from the last cursor that he got hears messages twice.
#[tokio::test]
async fn the_cursor_of_a_join_is_not_below_what_was_handed_out_before_it() {
    let hub = hub();
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("history/a"), Start::Now)]).is_empty());
    publish(&hub, "history/a", 0..3);
    let mut heard = Vec::new();
    let mut cursor = None;
    shards_have_marked().await;
    while said_of_topics(&heard).len() < 3 || cursor.is_none() {
        for delivery in read(&mut reader).await {
            cursor = cursor_of(&delivery).or(cursor);
            heard.push(delivery);
        }
    }
    drop(reader);
    let again = resume(&hub, &["history/a"], &cursor.unwrap()).await;
    assert_eq!(again, [], "{:?} was heard before", said(&heard));
}

/// Who comes and goes all the time, with the cursor that he got last, while two publishers hammer on two topics.
async fn hammered(batch: usize, topics: [&'static str; 2], each: u64, contiguous: bool) {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = batch);
    let mut cursor = hub.cursor();
    let publishers = topics.map(|topic| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for value in 0..each {
                publish(&hub, topic, [value]);
                if value % 8 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let mut next: HashMap<String, u64> = HashMap::new();
    let (mut index, mut round) = (0, 0_usize);
    while topics.iter().any(|topic| next.get(*topic) != Some(&each)) {
        round += 1;
        let mut reader = hub.reader().unwrap();
        let wanted = topics.map(|topic| (pattern(topic), Start::After(cursor.clone())));
        assert!(reader.join(1, wanted.into()).is_empty());
        // 0, 1, 2 … deliveries until the cut; now and then more than a batch, so that it gets on.
        let mut left = if round.is_multiple_of(16) { 200 } else { round % 16 };
        'stream: while left > 0 && topics.iter().any(|topic| next.get(*topic) != Some(&each)) {
            for delivery in read(&mut reader).await {
                cursor = cursor_of(&delivery).unwrap_or(cursor);
                match delivery {
                    Delivery::Message(entry) => {
                        assert!(entry.index > index, "round {round}: {index}, then {entry:?}");
                        index = entry.index;
                        let (next, value) = (next.entry(entry.topic.to_string()).or_default(), value(&entry).unwrap());
                        assert!(value >= *next, "round {round}: a double: {entry:?}");
                        assert!(value == *next || !contiguous, "round {round}: a hole before {entry:?}");
                        *next = value + 1;
                    }
                    Delivery::Joined { .. } => {}
                    other => panic!("round {round}: {other:?}"),
                }
                left -= 1;
                if left == 0 {
                    break 'stream;
                }
            }
        }
    }
    for publisher in publishers {
        support::within(publisher).await.unwrap();
    }
    assert_eq!(hub.gaps(), 0);
    assert_eq!(resume(&hub, &topics, &cursor).await, [], "all was heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_have_no_hole_and_no_double_while_publishers_hammer() {
    hammered(256, ["history/a", "history/b"], 4_000, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_small_batches_have_no_hole_and_no_double() {
    hammered(3, ["history/a", "history/b"], 2_000, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_never_go_back_and_end_with_the_newest_while_publishers_hammer() {
    hammered(256, ["value/a", "value/b"], 8_000, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_beside_a_history_costs_neither() {
    hammered(3, ["value/a", "value/b"], 2_000, false).await;
}

/// The first message after a join is the first one after its cursor, also where nobody listened before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_under_fire_has_no_hole_at_its_place() {
    const EACH: u64 = 60_000;
    let hub = hub();
    let publisher = {
        let hub = hub.clone();
        tokio::spawn(async move { publish(&hub, "history/a", 0..EACH) })
    };
    while !publisher.is_finished() {
        let mut reader = hub.reader().unwrap();
        assert!(reader.join(1, vec![(pattern("history/a"), Start::Now)]).is_empty());
        let (mut place, mut first) = (None, None);
        while place.is_none() || first.is_none() && place < Some(EACH) {
            for delivery in read(&mut reader).await {
                match delivery {
                    Delivery::Joined { cursor, .. } => {
                        place = Some(cursor.parse::<Cursor>().unwrap().get(hub.origin()))
                    }
                    Delivery::Message(entry) => first = first.or(Some(entry.stamp)),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(first.is_none_or(|first| Some(first) == place.map(|place| place + 1)), "{place:?}, then {first:?}");
    }
    publisher.await.unwrap();
}

#[tokio::test]
async fn a_reader_whose_ring_overflowed_gets_one_gap_before_what_is_kept() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["short/a"], &Start::Now).await;
    publish(&hub, "short/a", 0..10);
    let wanted: Vec<_> = [gap("short/a", GapCause::Slow)].into_iter().chain(messages("short/a", 6..10)).collect();
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
    assert_eq!(hub.gaps(), 1);
    publish(&hub, "short/a", 10..14);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("short/a", 10..14), "four fit");
}

/// Rings of four under two publishers: the reader is too slow time and again, and each time it is told before the hole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hole_is_silent_while_rings_overflow() {
    const EACH: u64 = 20_000;
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    let topics = ["short/a", "short/b"];
    let (mut reader, _) = joined(&hub, &topics, &Start::Now).await;
    let publishers = topics.map(|topic| {
        let hub = hub.clone();
        tokio::spawn(async move {
            for value in 0..EACH {
                publish(&hub, topic, [value]);
                if value % 4 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let mut seen = topics.map(|_| (0, false));
    while seen != topics.map(|_| (EACH, false)) {
        for delivery in read(&mut reader).await {
            match delivery {
                Delivery::Message(entry) => {
                    let (next, told) = &mut seen[usize::from(entry.topic.as_str() == topics[1])];
                    let value = value(&entry).unwrap();
                    assert!(value >= *next, "a double: {entry:?}");
                    assert_eq!(
                        value > *next,
                        std::mem::take(told),
                        "a hole and no gap, or a gap and no hole: {entry:?}"
                    );
                    *next = value + 1;
                }
                Delivery::Gap { topic, .. } => seen[usize::from(topic.as_str() == topics[1])].1 = true,
                other => panic!("{other:?}"),
            }
        }
    }
    for publisher in publishers {
        support::within(publisher).await.unwrap();
    }
}

#[tokio::test]
async fn a_resumed_reader_whose_ring_overflowed_gets_one_gap_before_what_is_kept() {
    let hub = hub();
    publish(&hub, "short/a", 0..2);
    let cursor = hub.cursor();
    publish(&hub, "short/a", 2..6);
    assert_eq!(resume(&hub, &["short/a"], &cursor).await, messages("short/a", 2..6), "just so");
    publish(&hub, "short/a", 6..7);
    let wanted: Vec<_> = [gap("short/a", GapCause::Evicted)].into_iter().chain(messages("short/a", 3..7)).collect();
    assert_eq!(resume(&hub, &["short/a"], &cursor).await, wanted);
}

#[tokio::test]
async fn an_idle_topic_loses_nothing_while_another_overflows() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["short/a", "short/b", "value/c"], &Start::Now).await;
    let cursor = hub.cursor();
    publish(&hub, "short/b", [100]);
    publish(&hub, "value/c", [200]);
    publish(&hub, "short/a", 0..50);
    publish(&hub, "short/b", [101]);
    let of_the_others = |heard: Vec<Said>| {
        heard.into_iter().filter(|said| !format!("{said:?}").contains("short/a")).collect::<Vec<_>>()
    };
    let wanted = [messages("short/b", [100]), messages("value/c", [200]), messages("short/b", [101])].concat();
    assert_eq!(of_the_others(said(&read_up_to_here(&mut reader).await)), wanted);
    assert_eq!(of_the_others(resume(&hub, &["short/a", "short/b", "value/c"], &cursor).await), wanted);
    assert_eq!(hub.gaps(), 2, "one for each reader, of short/a");
}

/// A gap, then a cut before anything else was heard: the gap comes again, for no cursor has stepped over it.
#[tokio::test]
async fn a_cut_right_after_a_gap_does_not_swallow_it() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 3);
    publish(&hub, "short/a", 0..2);
    let start = hub.cursor();
    publish(&hub, "short/b", 0..3);
    publish(&hub, "short/a", 2..9);
    let topics = ["short/a", "short/b"];
    let whole = joined(&hub, &topics, &Start::After(start.clone())).await.1;
    for cut in 0..whole.len() {
        let cursor = whole[..cut].iter().rev().find_map(cursor_of).unwrap_or(start.clone());
        let rest = resume(&hub, &topics, &cursor).await;
        let stepped_over = cursor.parse::<Cursor>().unwrap().get(hub.origin()) > 8;
        assert_eq!(rest.contains(&gap("short/a", GapCause::Evicted)), !stepped_over, "cut after {cut}: {rest:?}");
    }
}

/// Was wrong: a resuming reader stands before the whole ring until it is polled first, also before what its cursor
/// covers: one message in between pushes out what the reader had long ago, and it is told of a loss.
#[tokio::test]
async fn what_the_cursor_covers_is_no_loss_when_it_goes_before_the_first_poll() {
    let hub = hub();
    publish(&hub, "short/a", 0..4);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("short/a"), Start::After(hub.cursor()))]).is_empty());
    publish(&hub, "short/a", [4]);
    assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), messages("short/a", [4]));
    assert_eq!(hub.gaps(), 0);
}

/// Was wrong: the same with what is retained: the oldest of it may go before it was read, as it may have a moment before
/// the join. Nothing that the reader was promised is lost.
#[tokio::test]
async fn what_goes_from_the_retained_before_the_first_poll_is_no_loss() {
    let hub = hub();
    publish(&hub, "short/a", 0..4);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("short/a"), Start::RETAINED)]).is_empty());
    publish(&hub, "short/a", [4]);
    assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), messages("short/a", 1..5));
    publish(&hub, "short/a", 5..10);
    let heard = said(&read_up_to_here(&mut reader).await);
    assert_eq!(heard[0], gap("short/a", GapCause::Slow), "what came after the join is promised");
}

#[tokio::test]
async fn a_signal_missed_in_a_short_cut_is_heard_and_in_a_long_one_told() {
    let (hub, clock) = hub_with(|_| {});
    let cursor = hub.cursor();
    publish(&hub, "beep/a", [1]);
    clock.advance(4);
    assert_eq!(resume(&hub, &["beep/a"], &cursor).await, messages("beep/a", [1]));
    clock.advance(2);
    assert_eq!(resume(&hub, &["beep/a"], &cursor).await, [gap("beep/a", GapCause::Evicted)]);
}

#[tokio::test]
async fn events_are_let_go_at_their_age_and_the_loss_is_told() {
    let (hub, clock) = hub_with(|_| {});
    let start = hub.cursor();
    publish(&hub, "aging/a", [1]);
    clock.advance(300);
    publish(&hub, "aging/a", [2]);
    clock.advance(299);
    assert_eq!(hub.snapshot(&name("aging/a"), 9).entries.len(), 2);
    assert_eq!(resume(&hub, &["aging/a"], &start).await, messages("aging/a", [1, 2]));
    let second = hub.snapshot(&name("aging/a"), 9).entries[0].cursor.clone();
    clock.advance(1);
    assert_eq!(hub.snapshot(&name("aging/a"), 9).entries.len(), 1, "ten minutes after it was applied");
    let wanted: Vec<_> = [gap("aging/a", GapCause::Evicted)].into_iter().chain(messages("aging/a", [2])).collect();
    assert_eq!(resume(&hub, &["aging/a"], &start).await, wanted);
    assert_eq!(resume(&hub, &["aging/a"], &second).await, messages("aging/a", [2]), "it had the first");
    clock.advance(300);
    assert_eq!(said_of_topics(&joined(&hub, &["aging/a"], &Start::RETAINED).await.1), []);
    assert_eq!(resume(&hub, &["aging/a"], &second).await, [gap("aging/a", GapCause::Evicted)]);
}

#[tokio::test]
async fn a_value_has_no_age() {
    let (hub, clock) = hub_with(|_| {});
    publish(&hub, "value/a", [1]);
    clock.advance(400 * 24 * 60 * 60);
    assert_eq!(said_of_topics(&joined(&hub, &["value/a"], &Start::RETAINED).await.1), [snapshot("value/a", Some(1))]);
}

#[tokio::test]
async fn a_cursor_lives_for_an_hour() {
    let (hub, clock) = hub_with(|_| {});
    publish(&hub, "history/a", [1]);
    publish(&hub, "value/b", [2]);
    let cursor = hub.cursor();
    publish(&hub, "history/a", [3]);
    clock.advance(hub.limits().cursor_age_s_max);
    assert_eq!(resume(&hub, &["history/a", "value/b"], &cursor).await, messages("history/a", [3]));
    clock.advance(1);
    let (history, value) = (gap("history/a", GapCause::CursorTooOld), gap("value/b", GapCause::CursorTooOld));
    let wanted = [vec![history, value, snapshot("value/b", Some(2))], messages("history/a", [1, 3])].concat();
    assert_eq!(resume(&hub, &["history/a", "value/b"], &cursor).await, wanted);
}

#[tokio::test]
async fn a_malformed_cursor_leads_to_a_gap_and_what_is_retained() {
    let hub = hub();
    publish(&hub, "history/a", [1]);
    publish(&hub, "value/b", [2]);
    let good = hub.cursor();
    let cut = &good[..good.len() - 1];
    let layout = format!("CQ{}", &good[2..]);
    let twice = format!("{good}{}", &good[8..]);
    for cursor in ["", "%", "AQ", "é", "\0", cut, &layout, &twice, &format!("{good}="), &"A".repeat(100_000)] {
        let (history, value) = (gap("history/a", GapCause::CursorMalformed), gap("value/b", GapCause::CursorMalformed));
        let wanted = [vec![history, value, snapshot("value/b", Some(2))], messages("history/a", [1])].concat();
        assert_eq!(resume(&hub, &["history/a", "value/b"], cursor).await, wanted, "{cursor:?}");
    }
}

#[tokio::test]
async fn a_cursor_of_what_this_node_never_had_rewinds() {
    let (hub, clock) = hub_with(|_| {});
    publish(&hub, "history/a", [1]);
    publish(&hub, "value/b", [2]);
    let ahead = {
        let mut cursor: Cursor = hub.cursor().parse().unwrap();
        cursor.set(hub.origin(), 3);
        cursor.to_string()
    };
    let foreign = {
        let mut cursor: Cursor = hub.cursor().parse().unwrap();
        cursor.set(OriginTag::from_low_bits(7), 1);
        cursor.to_string()
    };
    let largest = {
        let mut cursor = Cursor::issued_at(u64::MAX);
        cursor.set(hub.origin(), u64::MAX);
        cursor.to_string()
    };
    let of_another_epoch = {
        clock.advance(1);
        let earlier = hub_on(&clock, |_| {});
        publish(&earlier, "history/a", 0..9);
        earlier.cursor().to_string()
    };
    for cursor in [ahead, foreign, largest, of_another_epoch] {
        let (history, value) = (gap("history/a", GapCause::Rewound), gap("value/b", GapCause::Rewound));
        let wanted =
            [vec![Said::Rewound, history, value, snapshot("value/b", Some(2))], messages("history/a", [1])].concat();
        assert_eq!(resume(&hub, &["history/a", "value/b"], &cursor).await, wanted, "{cursor}");
    }
}

/// Was wrong: the cursor of a node that has published nothing yet lists nobody, so that the next epoch cannot tell it
/// from its own beginning: what the first epoch published after it is lost without a word.
#[tokio::test]
async fn a_restart_is_told_also_to_who_came_before_the_first_message() {
    let clock = HandClock::default();
    let first = hub_on(&clock, |_| {});
    let (_reader, heard) = joined(&first, &["history/a"], &Start::RETAINED).await;
    let cursor = heard.iter().rev().find_map(cursor_of).expect("the join's");
    publish(&first, "history/a", 0..3);
    clock.advance(1);
    let second = hub_on(&clock, |_| {});
    publish(&second, "history/a", [9]);
    let wanted = [vec![Said::Rewound, gap("history/a", GapCause::Rewound)], messages("history/a", [9])].concat();
    assert_eq!(resume(&second, &["history/a"], &cursor).await, wanted);
}

/// Was wrong: a forgotten topic takes the record of what it let go with it.
#[tokio::test]
async fn forgetting_a_topic_does_not_forget_what_it_let_go() {
    let (hub, clock) = hub_with(|_| {});
    let cursor = hub.cursor();
    publish(&hub, "beep/a", [1]);
    publish(&hub, "aging/a", [2]);
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 2);
    let wanted = ["aging/a", "beep/a"].map(|topic| gap(topic, GapCause::Evicted));
    assert_eq!(resume(&hub, &["aging/a", "beep/a"], &cursor).await, wanted);
    assert_eq!(resume(&hub, &["aging/a", "beep/a"], &hub.cursor()).await, [], "whoever had them misses nothing");
}

/// Was wrong: the word that a value was cleared is kept for as long as the node lives; made and cleared often enough,
/// topics fill the node for good.
#[tokio::test]
async fn a_cleared_topic_is_forgotten_after_a_day() {
    let (hub, clock) = hub_with(|_| {});
    publish(&hub, "value/a", [1]);
    publish(&hub, "value/b", [1]);
    hub.clear("value/a").unwrap();
    clock.advance(24 * 60 * 60 - 1);
    assert_eq!(hub.forget_idle(), 0, "a reader of yesterday is still to be told");
    clock.advance(2);
    assert_eq!(hub.forget_idle(), 1);
}

#[tokio::test]
async fn a_topic_with_a_reader_is_not_forgotten() {
    let (hub, clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["beep/a"], &Start::Now).await;
    publish(&hub, "beep/a", [1]);
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 0);
    publish(&hub, "beep/a", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await).last(), Some(&Said::Message("beep/a".into(), 2)));
}

#[tokio::test]
async fn a_topic_that_is_joined_again_begins_again_from_its_new_start() {
    let hub = hub();
    let start = hub.cursor();
    publish(&hub, "history/a", 0..3);
    let (mut reader, _) = joined(&hub, &["history/a"], &Start::Now).await;
    assert_eq!(
        said_of_topics(&join(&mut reader, &["history/a"], &Start::After(start)).await),
        messages("history/a", 0..3)
    );
    assert_eq!(said_of_topics(&join(&mut reader, &["history/a"], &Start::Now).await), []);
    publish(&hub, "history/a", [3]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("history/a", [3]), "once");
}

/// Was wrong: a topic's floor is held against the entries of every topic that was read before it.
#[tokio::test]
async fn each_topic_has_a_floor_of_its_own() {
    let hub = hub();
    let before = hub.cursor();
    publish(&hub, "history/a", [1]);
    publish(&hub, "history/b", [2]);
    let after = hub.cursor();
    publish(&hub, "history/b", [3]);
    for topics in [["history/a", "history/b"], ["history/b", "history/a"]] {
        let mut reader = hub.reader().unwrap();
        let starts = topics.map(|topic| {
            let cursor = if topic == "history/a" { before.clone() } else { after.clone() };
            (pattern(topic), Start::After(cursor))
        });
        assert!(reader.join(1, starts.into()).is_empty());
        let wanted = [messages("history/a", [1]), messages("history/b", [3])].concat();
        assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), wanted, "{topics:?}");
    }
}

/// Was wrong: words that wait to be said pile up: a stalled stream whose page joins again and again grows without bound.
#[tokio::test]
async fn joining_again_before_it_is_polled_says_each_thing_once() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    let mut foreign = Cursor::issued_at(hub.now_ms() / 1000);
    foreign.set(OriginTag::from_low_bits(7), 1);
    let mut reader = hub.reader().unwrap();
    for call in 0..100 {
        assert!(reader.join(call, vec![(pattern("value/a"), Start::After(foreign.to_string().into()))]).is_empty());
    }
    let heard = said_of_topics(&read_up_to_here(&mut reader).await);
    assert_eq!(heard, [Said::Rewound, gap("value/a", GapCause::Rewound), snapshot("value/a", Some(1))]);
}

#[tokio::test]
async fn a_poll_with_nothing_to_say_is_pending() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/a"], &Start::Now).await;
    assert!(poll_once(&mut reader).is_pending());
    publish(&hub, "history/b", [1]);
    assert!(poll_once(&mut reader).is_pending());
}
