//! What a reader was told, and what it was owed.

use std::collections::BTreeMap;

use super::traffic::TOPICS;

/// One thing that a reader was told. Topics are numbers here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Told {
    Message {
        topic: usize,
        stamp: u64,
    },
    /// A State topic's value where it begins, or begins again.
    Snapshot {
        topic: usize,
        stamp: u64,
    },
    Gap {
        topic: usize,
    },
    /// A topic is live for the first time, at this place: what was gone by then was not promised.
    Begins {
        topic: usize,
        stamp: u64,
    },
    /// The stream's cursor covers this stamp, and so all up to it on each topic that is joined.
    Covers {
        stamp: u64,
        joined: [bool; TOPICS],
    },
}

/// Checks everything that one reader was told against what was published, stamp → topic.
pub(super) fn check(told: &[Told], published: &BTreeMap<u64, usize>, is_state: bool, may_gap: bool) {
    assert!(may_gap || !told.iter().any(|told| matches!(told, Told::Gap { .. })), "a gap without a reason: {told:?}");
    if is_state {
        check_state(told, published);
    } else {
        check_messages(told, published, !may_gap);
    }
}

/// A State topic may skip values, and never goes back.
fn check_state(told: &[Told], published: &BTreeMap<u64, usize>) {
    let mut last = BTreeMap::new();
    for told_now in told {
        let (topic, stamp) = match *told_now {
            Told::Message { topic, stamp } | Told::Snapshot { topic, stamp } => (topic, stamp),
            // That a cursor covers a value which was replaced before it was read is right: the newer one is above it.
            Told::Gap { .. } | Told::Begins { .. } | Told::Covers { .. } => continue,
        };
        let shown = last.insert(topic, stamp).unwrap_or(0);
        // A snapshot may be newer than its join's cursor: after a cut the same value is told again.
        assert!(shown <= stamp, "topic {topic} went from {shown} back to {stamp}: {told:?}");
    }
    let newest: BTreeMap<usize, u64> = published.iter().map(|(stamp, topic)| (*topic, *stamp)).collect();
    assert_eq!(last, newest, "what is shown at the end: {told:?}");
}

/// Every message once and in its topic's order, or a gap where it is missing, and no cursor before either.
fn check_messages(told: &[Told], published: &BTreeMap<u64, usize>, is_whole: bool) {
    for topic in 0..TOPICS {
        // What is still to be told of the topic, by itself or by a gap that stands between its neighbours.
        let mut open: Vec<u64> = published.iter().filter(|(_, of)| **of == topic).map(|(stamp, _)| *stamp).collect();
        if !is_whole {
            let not_promised = not_promised(told, topic);
            open.retain(|stamp| *stamp > not_promised);
        }
        let (mut last, mut gap_since_last) = (0, false);
        for (at, told_now) in told.iter().enumerate() {
            match *told_now {
                Told::Message { topic: of, stamp } if of == topic => {
                    assert!(stamp > last, "message {stamp} of topic {topic} after {last}: {told:?}");
                    let missing = open.iter().any(|open| *open < stamp);
                    assert!(!missing || gap_since_last, "{open:?} of topic {topic} missing before {stamp}: {told:?}");
                    open.retain(|open| *open > stamp);
                    (last, gap_since_last) = (stamp, false);
                }
                Told::Gap { topic: of } if of == topic => gap_since_last = true,
                Told::Covers { stamp, joined } if joined[topic] => {
                    let untold = !gap_since_last && open.iter().any(|open| *open <= stamp);
                    assert!(!untold, "the cursor at {at} covers {stamp}; {open:?} of topic {topic} untold: {told:?}");
                }
                _ => {}
            }
        }
        assert!(open.is_empty(), "{open:?} of topic {topic} never told: {told:?}");
    }
}

/// Up to which stamp nothing of a topic was promised: what lies below the place where it began, unless it was told.
fn not_promised(told: &[Told], topic: usize) -> u64 {
    let began = told.iter().find_map(|told| match *told {
        Told::Begins { topic: of, stamp } if of == topic => Some(stamp),
        _ => None,
    });
    let first = told.iter().find_map(|told| match *told {
        Told::Message { topic: of, stamp } if of == topic => Some(stamp - 1),
        _ => None,
    });
    began.unwrap_or(0).min(first.unwrap_or(u64::MAX))
}
