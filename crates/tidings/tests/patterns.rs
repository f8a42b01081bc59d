//! Patterns: one hold becomes many topics, those that there are and those that begin, each of them once.

mod support;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use support::{
    Said, cursor_of, hub, hub_with, join, joined, messages, name, pattern, poll_once, publish, read, read_up_to_here,
    said, said_of_topics, shards_have_marked, within,
};
use tidings::{Delivery, Hub, Start, SubscribeError, wire::event::GapCause};

fn gap(topic: &str, cause: GapCause) -> Said {
    Said::Gap(topic.into(), cause)
}

fn value(topic: &str, value: u64) -> Said {
    Said::Snapshot(topic.into(), Some(value))
}

fn complete(pattern: &str) -> Said {
    Said::Complete(pattern.into())
}

async fn resume(hub: &Hub, patterns: &[&str], cursor: &str) -> Vec<Said> {
    said_of_topics(&joined(hub, patterns, &Start::After(cursor.into())).await.1)
}

#[tokio::test]
async fn a_pattern_is_all_topics_that_it_names() {
    let hub = hub();
    publish(&hub, "history/a", [1]);
    publish(&hub, "history/b", [2]);
    publish(&hub, "value/a", [3]);
    let (mut reader, said_first) = joined(&hub, &["history/*"], &Start::Now).await;
    assert_eq!(said_of_topics(&said_first), []);
    publish(&hub, "history/b", [4]);
    publish(&hub, "value/a", [5]);
    publish(&hub, "history/a", [6]);
    let wanted = [messages("history/b", [4]), messages("history/a", [6])].concat();
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
    let topics: Vec<_> = reader.topics().map(ToString::to_string).collect();
    assert_eq!(topics, ["history/a", "history/b"]);
    assert_eq!(reader.holds().collect::<Vec<_>>(), [pattern("history/*")]);
}

#[tokio::test]
async fn a_topic_that_begins_is_heard_from_its_first_message() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/**"], &Start::Now).await;
    publish(&hub, "history/a", 0..3);
    publish(&hub, "value/a", [3]);
    publish(&hub, "history/b", 4..6);
    publish(&hub, "history/a", [6]);
    let wanted = [messages("history/a", 0..3), messages("history/b", 4..6), messages("history/a", [6])].concat();
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
}

/// Nobody else listens: it is the pattern alone that is woken for a topic.
#[tokio::test]
async fn a_reader_that_waits_is_woken_for_a_topic_that_begins() {
    let hub = hub();
    let mut subscription = hub.subscribe("history/*").unwrap();
    let waits = tokio::spawn(async move {
        let mut heard = Vec::new();
        for _ in 0..3 {
            heard.push(subscription.next().await);
        }
        said(&heard)
    });
    shards_have_marked().await;
    publish(&hub, "history/new", [1]);
    shards_have_marked().await;
    publish(&hub, "history/new", [2]);
    publish(&hub, "history/other", [3]);
    let wanted = [messages("history/new", [1, 2]), messages("history/other", [3])].concat();
    assert_eq!(within(waits).await.unwrap(), wanted);
}

/// Between the introduction of a topic and the reader's look at it nobody listens there.
#[tokio::test]
async fn what_comes_between_introduction_and_look_is_not_left_lying() {
    let hub = hub();
    let mut subscription = hub.subscribe("history/*").unwrap();
    publish(&hub, "history/new", [1]);
    shards_have_marked().await;
    // Introduced, not looked at: this wakes no shard.
    publish(&hub, "history/new", [2]);
    let heard = [within(subscription.next()).await, within(subscription.next()).await];
    assert_eq!(said(&heard), messages("history/new", [1, 2]));
}

/// The rule of cursors: a join is told only when all below its place is handed out, of topics that have just begun too.
#[tokio::test]
async fn a_join_waits_for_topics_that_the_shard_has_not_introduced() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/*"], &Start::Now).await;
    publish(&hub, "history/new", [1]);
    assert!(reader.join(7, Vec::new()).is_empty());
    assert!(poll_once(&mut reader).is_pending(), "the shard has not run: the topic is not known yet");
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(said(&read(&mut reader).await));
    }
    assert_eq!(heard, [messages("history/new", [1]), vec![Said::Joined(7)]].concat());
    // And where nothing is published, a round comes all the same.
    assert_eq!(said(&read_up_to_here(&mut reader).await), []);
}

#[tokio::test]
async fn a_topic_that_is_held_more_than_once_is_heard_once() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    publish(&hub, "history/a", [2]);
    let holds = ["**", "value/*", "value/a", "history/a", "*/a"];
    let (mut reader, first) = joined(&hub, &holds, &Start::RETAINED).await;
    let first = said_of_topics(&first);
    let count = |wanted: &Said| first.iter().filter(|said| *said == wanted).count();
    assert_eq!(count(&messages("history/a", [2])[0]), 1);
    for whole in ["**", "value/*", "*/a"] {
        assert_eq!(count(&complete(whole)), 1);
        let at = first.iter().position(|said| *said == complete(whole)).unwrap();
        assert!(first[..at].contains(&value("value/a", 1)), "{first:?}");
    }
    assert_eq!(hub.readers(&name("value/a")), 1);
    publish(&hub, "value/a", [3]);
    publish(&hub, "value/new", [4]);
    let wanted = [messages("value/a", [3]), messages("value/new", [4])].concat();
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
    // It is let go with the last of its holds.
    for hold in ["value/a", "**", "value/*"] {
        assert!(reader.leave(&pattern(hold)));
        assert!(!reader.leave(&pattern(hold)), "{hold} is gone already");
    }
    publish(&hub, "value/a", [5]);
    publish(&hub, "value/new", [6]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [5]), "*/a still holds it");
    assert!(reader.leave(&pattern("*/a")));
    assert_eq!(reader.topics().map(ToString::to_string).collect::<Vec<_>>(), ["history/a"]);
    assert_eq!((hub.readers(&name("value/a")), hub.readers(&name("value/new"))), (0, 0));
}

/// A second hold of a topic must not cost the first one what it has not read.
#[tokio::test]
async fn a_hold_that_comes_later_takes_nothing_from_an_earlier_one() {
    for start in ["now", "retained", "cursor"] {
        let hub = hub();
        let (mut reader, _) = joined(&hub, &["history/**"], &Start::Now).await;
        publish(&hub, "history/a", 0..3);
        let start = match start {
            "now" => Start::Now,
            "retained" => Start::Retained { last: 1 },
            _ => Start::After(hub.cursor()),
        };
        publish(&hub, "history/a", 3..5);
        let heard = said_of_topics(&join(&mut reader, &["*/a", "history/a"], &start).await);
        let heard: Vec<_> = heard.into_iter().filter(|said| matches!(said, Said::Message(..))).collect();
        assert_eq!(heard, messages("history/a", 0..5), "{start:?}");
    }
}

#[tokio::test]
async fn a_gap_of_an_earlier_hold_is_told_though_a_later_one_misses_nothing() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["short/*"], &Start::Now).await;
    // Four are kept.
    publish(&hub, "short/a", 0..9);
    let heard = said_of_topics(&join(&mut reader, &["short/a"], &Start::After(hub.cursor())).await);
    assert_eq!(heard, [vec![gap("short/a", GapCause::Slow)], messages("short/a", 5..9)].concat());
}

#[tokio::test]
async fn a_pattern_that_was_left_is_silent() {
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/*", "value/*"], &Start::RETAINED).await;
    publish(&hub, "history/a", [1]);
    shards_have_marked().await;
    // It lies in the mailbox, and has not been looked at.
    assert!(reader.leave(&pattern("history/*")));
    publish(&hub, "history/b", [2]);
    publish(&hub, "value/a", [3]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [3]));
    reader.leave_all();
    publish(&hub, "value/a", [4]);
    publish(&hub, "value/b", [5]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), []);
    assert_eq!((reader.topics().count(), reader.holds().count(), hub.readers(&name("value/a"))), (0, 0, 0));
    assert_eq!(
        said_of_topics(&join(&mut reader, &["value/*"], &Start::RETAINED).await).last(),
        Some(&complete("value/*"))
    );
}

#[tokio::test]
async fn what_a_pattern_has_found_is_forgotten_and_begins_again() {
    let (hub, clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["beep/*"], &Start::Now).await;
    publish(&hub, "beep/a", [1]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("beep/a", [1]));
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 1, "a pattern keeps no topic alive");
    assert_eq!(said(&read_up_to_here(&mut reader).await), [], "it had all of it");
    assert_eq!(reader.topics().count(), 0, "nor does it hold what is forgotten");
    publish(&hub, "beep/a", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("beep/a", [2]));
    assert_eq!((hub.gaps(), reader.topics().count()), (0, 1));
}

#[tokio::test]
async fn what_was_lost_of_a_forgotten_topic_is_told() {
    let (hub, clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["beep/*"], &Start::Now).await;
    let (mut other, _) = joined(&hub, &["beep/a"], &Start::Now).await;
    publish(&hub, "beep/a", [1]);
    read_up_to_here(&mut reader).await;
    drop(other);
    // Known and not read; then never looked at: it begins and is forgotten twice while the reader sleeps.
    for round in 0..3 {
        publish(&hub, "beep/a", [round]);
        shards_have_marked().await;
        clock.advance(600);
        assert_eq!(hub.forget_idle(), 1);
    }
    publish(&hub, "beep/a", [9]);
    let heard = said(&read_up_to_here(&mut reader).await);
    let gaps = heard.iter().filter(|said| **said == gap("beep/a", GapCause::Slow)).count();
    assert!((1..=3).contains(&gaps), "{heard:?}");
    assert_eq!(heard.last(), messages("beep/a", [9]).last());
    assert_eq!(heard.len(), gaps + 1);
    // A topic that somebody holds by its name stays.
    (other, _) = joined(&hub, &["beep/a"], &Start::Now).await;
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 0);
    drop(other);
    assert_eq!(hub.forget_idle(), 1);
}

#[tokio::test]
async fn a_name_keeps_what_its_pattern_has_found() {
    let (hub, clock) = hub_with(|_| {});
    let (mut reader, _) = joined(&hub, &["beep/*"], &Start::Now).await;
    publish(&hub, "beep/a", [1]);
    read_up_to_here(&mut reader).await;
    join(&mut reader, &["beep/a"], &Start::Now).await;
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 0);
    assert!(reader.leave(&pattern("beep/a")));
    publish(&hub, "beep/a", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("beep/a", [2]), "the pattern still holds it");
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 1);
    // The slot is of a topic that is gone; its name is joined, and means the one that begins.
    join(&mut reader, &["beep/a"], &Start::Now).await;
    publish(&hub, "beep/a", [3]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("beep/a", [3]));
    assert_eq!(hub.forget_idle(), 0);
}

#[tokio::test]
async fn a_pattern_becomes_only_what_is_admitted_and_each_is_asked_once() {
    let hub = hub();
    publish(&hub, "value/open", [1]);
    publish(&hub, "value/closed", [2]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = asked.clone();
    let mut reader = hub.reader().unwrap().admitting(move |topic| {
        notes.lock().unwrap().push(topic.to_string());
        !topic.as_str().contains("closed")
    });
    let first = join(&mut reader, &["value/*"], &Start::RETAINED).await;
    assert_eq!(said_of_topics(&first), [value("value/open", 1), complete("value/*")]);
    publish(&hub, "value/closed2", [3]);
    publish(&hub, "value/open2", [4]);
    publish(&hub, "value/closed", [5]);
    publish(&hub, "value/open", [6]);
    let wanted = [messages("value/open2", [4]), messages("value/open", [6])].concat();
    assert_eq!(said(&read_up_to_here(&mut reader).await), wanted);
    publish(&hub, "value/closed2", [7]);
    publish(&hub, "value/open2", [8]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/open2", [8]));
    let mut asked = std::mem::take(&mut *asked.lock().unwrap());
    asked.sort();
    assert_eq!(asked, ["value/closed", "value/closed2", "value/open", "value/open2"]);
    assert_eq!(hub.readers(&name("value/closed")), 0);
}

#[tokio::test]
async fn a_pattern_with_too_many_topics_is_refused_at_once_and_gapped_later() {
    let (hub, clock) = hub_with(|limits| {
        limits.reader_topics_max = 3;
        limits.reader_patterns_max = 2;
    });
    ["a", "b", "c", "d"].iter().for_each(|key| publish(&hub, &format!("beep/{key}"), [1]));
    let mut reader = hub.reader().unwrap();
    let refused = reader.join(1, vec![(pattern("beep/*"), Start::Now), (pattern("value/*"), Start::Now)]);
    assert_eq!(refused, [(pattern("beep/*"), SubscribeError::TooManyOfReader { max: 3 })]);
    assert_eq!(reader.holds().collect::<Vec<_>>(), [pattern("value/*")]);
    assert_eq!(hub.readers(&name("beep/a")), 0);
    read_up_to_here(&mut reader).await;
    // Found later: one gap, whatever else is left out.
    publish(&hub, "value/a", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/a", [2]));
    ["b", "c", "d"].iter().for_each(|key| publish(&hub, &format!("value/{key}"), [2]));
    let heard = said(&read_up_to_here(&mut reader).await);
    let wanted = ["b", "c"].map(|key| messages(&format!("value/{key}"), [2])).concat();
    assert_eq!(heard, [vec![gap("value/*", GapCause::Limit)], wanted].concat());
    publish(&hub, "value/e", [2]);
    publish(&hub, "value/f", [3]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), []);
    // Those that there is room for go on.
    publish(&hub, "value/c", [4]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/c", [4]));
    let refused = reader.join(2, vec![(pattern("a/*"), Start::Now), (pattern("b/*"), Start::Now)]);
    assert_eq!(refused, [(pattern("b/*"), SubscribeError::TooManyPatterns { max: 2 })]);
    reader.leave_all();
    // What is forgotten makes room for what begins.
    let (mut reader, _) = joined(&hub, &["history/*"], &Start::Now).await;
    reader.join(3, vec![(pattern("aging/*"), Start::Now)]);
    for round in 0..4 {
        let names: Vec<_> = (0..3).map(|key| format!("aging/{round}-{key}")).collect();
        names.iter().for_each(|topic| publish(&hub, topic, [round]));
        let wanted: Vec<_> = names.iter().flat_map(|topic| messages(topic, [round])).collect();
        assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), wanted);
        clock.advance(600);
        assert!(hub.forget_idle() >= 3);
    }
}

/// A mailbox holds as many topics as a reader may: who does not look is told so, and begins again.
#[tokio::test]
async fn a_reader_that_sleeps_while_too_many_topics_begin_is_told_and_begins_again() {
    let (hub, clock) = hub_with(|limits| limits.reader_topics_max = 4);
    let (mut reader, _) = joined(&hub, &["value/*", "aging/*"], &Start::Now).await;
    publish(&hub, "value/held", [1]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/held", [1]));
    for number in 0..6 {
        publish(&hub, &format!("aging/{number}"), [number]);
        shards_have_marked().await;
        if number == 3 {
            clock.advance(600);
            assert_eq!(hub.forget_idle(), 4);
        }
    }
    let heard = said(&read_up_to_here(&mut reader).await);
    let wanted = [
        vec![gap("value/*", GapCause::Slow), value("value/held", 1), complete("value/*")],
        vec![gap("aging/*", GapCause::Slow), complete("aging/*")],
        messages("aging/4", [4]),
        messages("aging/5", [5]),
    ];
    assert_eq!(heard, wanted.concat());
    publish(&hub, "value/held", [2]);
    assert_eq!(said(&read_up_to_here(&mut reader).await), messages("value/held", [2]));
}

#[tokio::test]
async fn a_pattern_begins_with_its_values_and_says_when_they_are_through() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    publish(&hub, "value/b", [2]);
    hub.clear("value/b").unwrap();
    publish(&hub, "value/c", [3]);
    publish(&hub, "history/a", 4..7);
    let first = joined(&hub, &["*/*"], &Start::Retained { last: 2 }).await.1;
    let wanted = [vec![value("value/a", 1), value("value/c", 3), complete("*/*")], messages("history/a", 5..7)];
    assert_eq!(said_of_topics(&first), wanted.concat());
    let first = joined(&hub, &["none/*"], &Start::RETAINED).await.1;
    assert_eq!(said_of_topics(&first), [complete("none/*")]);
    let first = joined(&hub, &["value/*"], &Start::Now).await.1;
    assert_eq!(said_of_topics(&first), [], "who begins now has no snapshot");
}

#[tokio::test]
async fn a_value_that_goes_while_it_is_to_be_told_is_not_told() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    let mut reader = hub.reader().unwrap();
    assert!(reader.join(1, vec![(pattern("value/*"), Start::RETAINED)]).is_empty());
    hub.clear("value/a").unwrap();
    publish(&hub, "value/b", [2]);
    let heard = said_of_topics(&read_up_to_here(&mut reader).await);
    let cleared = Said::Cleared("value/a".into());
    assert_eq!(heard, [vec![complete("value/*"), cleared], messages("value/b", [2])].concat());
}

#[tokio::test]
async fn a_pattern_resumes_topic_by_topic_and_is_told_what_was_cleared() {
    let hub = hub();
    publish(&hub, "value/a", [1]);
    publish(&hub, "value/b", [2]);
    publish(&hub, "history/a", [3]);
    let (mut reader, _) = joined(&hub, &["**"], &Start::RETAINED).await;
    publish(&hub, "history/a", [4]);
    let heard = read_up_to_here(&mut reader).await;
    let cursor = cursor_of(heard.last().unwrap()).unwrap();
    drop(reader);
    hub.clear("value/a").unwrap();
    publish(&hub, "history/new", [5]);
    publish(&hub, "history/a", [6]);
    publish(&hub, "value/c", [7]);
    let wanted = [
        vec![Said::Cleared("value/a".into())],
        messages("history/new", [5]),
        messages("history/a", [6]),
        messages("value/c", [7]),
    ];
    assert_eq!(resume(&hub, &["**"], &cursor).await, wanted.concat());
    assert_eq!(resume(&hub, &["**"], &hub.cursor()).await, []);
}

#[tokio::test]
async fn a_cursor_that_cannot_be_gone_on_from_is_one_gap_on_the_pattern() {
    let (hub, clock) = hub_with(|_| {});
    let old = hub.cursor();
    publish(&hub, "value/a", [1]);
    publish(&hub, "value/b", [2]);
    publish(&hub, "history/a", [3]);
    let whole = |cause| {
        let said = vec![gap("**", cause), value("value/a", 1), value("value/b", 2), complete("**")];
        [said, messages("history/a", [3])].concat()
    };
    assert_eq!(resume(&hub, &["**"], "nonsense").await, whole(GapCause::CursorMalformed));
    clock.advance(hub.limits().cursor_age_s_max + 1);
    assert_eq!(resume(&hub, &["**"], &old).await, whole(GapCause::CursorTooOld));
    let restarted = support::hub_on(&clock, |_| {});
    publish(&restarted, "value/a", [1]);
    let heard = resume(&restarted, &["value/*", "history/*"], &hub.cursor()).await;
    let wanted = [
        vec![Said::Rewound, gap("value/*", GapCause::Rewound), value("value/a", 1), complete("value/*")],
        vec![gap("history/*", GapCause::Rewound), complete("history/*")],
    ];
    assert_eq!(heard, wanted.concat());
}

/// Where a snapshot follows a gap, no `id:` lies between: a cut loses nothing.
#[tokio::test]
async fn no_cursor_lies_between_a_patterns_gap_and_its_end() {
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 2);
    (0..9).for_each(|number| publish(&hub, &format!("value/{number}"), [number]));
    publish(&hub, "history/a", 0..9);
    let heard = joined(&hub, &["**"], &Start::After("nonsense".into())).await.1;
    let end = heard.iter().position(|said| matches!(said, Delivery::Complete { .. })).unwrap();
    assert_eq!(end, 10, "a gap and nine values");
    assert!(heard[..=end].iter().all(|delivery| cursor_of(delivery).is_none()));
}

#[tokio::test]
async fn what_went_with_forgotten_topics_is_a_gap_on_the_pattern() {
    let (hub, clock) = hub_with(|_| {});
    let cursor = hub.cursor();
    publish(&hub, "beep/a", [1]);
    publish(&hub, "value/a", [2]);
    clock.advance(600);
    assert_eq!(hub.forget_idle(), 1);
    let wanted = [gap("**", GapCause::Evicted), value("value/a", 2), complete("**")];
    assert_eq!(resume(&hub, &["**"], &cursor).await, wanted);
    assert_eq!(resume(&hub, &["**"], &hub.cursor()).await, [], "whoever had it misses nothing");
    // Of a topic that is there, the gap is its own.
    let cursor = hub.cursor();
    publish(&hub, "short/a", 0..5);
    let wanted = [vec![gap("short/a", GapCause::Evicted)], messages("short/a", 1..5)].concat();
    assert_eq!(resume(&hub, &["short/*"], &cursor).await, wanted);
}

/// A cut at every message, while topics begin: each message is heard once over all streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_over_cuts_while_topics_begin() {
    const MESSAGES: u64 = 1_500;
    let (hub, _clock) = hub_with(|limits| limits.batch_messages_max = 7);
    let publisher = {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..MESSAGES {
                publish(&hub, &format!("history/{}", number / 3 % 400), [number]);
                if number % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    let mut cursor = tidings::wire::Cursor::issued_at(hub.now_ms() / 1000).to_string().into_boxed_str();
    let mut heard = BTreeSet::new();
    let mut cuts = 0;
    while heard.len() < MESSAGES as usize {
        let mut reader = hub.reader().unwrap();
        assert!(reader.join(1, vec![(pattern("history/*"), Start::After(cursor.clone()))]).is_empty());
        'stream: loop {
            for delivery in read(&mut reader).await {
                let ends = match &delivery {
                    Delivery::Message(entry) => {
                        let number = support::value(entry).unwrap();
                        assert!(heard.insert(number), "{number} a second time");
                        // A client has only what came before the cut.
                        number.is_multiple_of(11) || heard.len() == MESSAGES as usize
                    }
                    Delivery::Joined { .. } => false,
                    other => panic!("{other:?}"),
                };
                cursor = cursor_of(&delivery).unwrap_or(cursor);
                if ends {
                    cuts += 1;
                    break 'stream;
                }
            }
        }
    }
    within(publisher).await.unwrap();
    assert!(heard.into_iter().eq(0..MESSAGES));
    assert!(cuts > 100, "{cuts}");
    assert_eq!(hub.gaps(), 0);
}

/// A reader that never sleeps looks at every place: no message of a topic that has just begun is stepped over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_past_a_topic_that_begins() {
    const MESSAGES: u64 = 8_000;
    let hub = hub();
    let (mut reader, _) = joined(&hub, &["history/**"], &Start::Now).await;
    let publisher = {
        let hub = hub.clone();
        tokio::spawn(async move {
            for number in 0..MESSAGES {
                publish(&hub, &format!("history/{}/{}", number % 13, number * number / 7 % 200), [number]);
                if number % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    let (mut index, mut call) = (0, 10);
    let wait = async {
        while index < MESSAGES {
            for _ in 0..16 {
                let std::task::Poll::Ready(batch) = poll_once(&mut reader) else { continue };
                for delivery in batch {
                    match delivery {
                        Delivery::Message(entry) => {
                            assert_eq!(entry.index, index + 1, "every topic is held, so that no place is missing");
                            index = entry.index;
                        }
                        // A beat, whose cursor must cover nothing unread.
                        Delivery::Joined { cursor, .. } => {
                            let cursor: tidings::wire::Cursor = cursor.parse().unwrap();
                            assert_eq!(cursor.get(hub.origin()), index);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            call += 1;
            assert!(reader.join(call, Vec::new()).is_empty());
            tokio::task::yield_now().await;
        }
    };
    within(wait).await;
    within(publisher).await.unwrap();
}

#[tokio::test]
async fn dropping_a_reader_takes_it_off_its_patterns() {
    let hub = hub();
    let subscription = hub.subscribe("history/*").unwrap();
    publish(&hub, "history/a", [1]);
    shards_have_marked().await;
    drop(subscription);
    publish(&hub, "history/b", [2]);
    shards_have_marked().await;
    assert_eq!((hub.readers(&name("history/a")), hub.readers(&name("history/b"))), (0, 0));
    let mut again = hub.subscribe_from("history/*", Start::RETAINED).unwrap();
    let heard = [within(again.next()).await, within(again.next()).await, within(again.next()).await];
    let wanted = [vec![complete("history/*")], messages("history/a", [1]), messages("history/b", [2])].concat();
    assert_eq!(said(&heard), wanted);
}
