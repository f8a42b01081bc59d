//! What a reader's record has to be: every message once and in order, or a gap where some are missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::Told;

/// What is found in a record.
#[derive(Debug, Default)]
pub struct Found {
    /// Messages that were heard.
    pub heard: usize,
    /// Gaps that were told.
    pub gaps: usize,
    /// What must not be.
    pub faults: Vec<String>,
}

/// Where a reader is on one topic.
#[derive(Debug, Default)]
struct Place {
    last: u64,
    /// A gap was told since.
    gapped: bool,
}

/// Checks the record of a reader.
///
/// `born_before` are topics on which something was published before the reader began: of these it need not have heard the
/// first. `last` are the numbers of the last messages of those that live: all of them came, or a gap says that they did
/// not.
#[must_use]
pub fn check(record: &[Told], born_before: &BTreeSet<String>, last: &BTreeMap<String, u64>) -> Found {
    let mut found = Found::default();
    let mut places = BTreeMap::<&str, Place>::new();
    for told in record {
        match told {
            Told::Gap { topic, .. } => {
                found.gaps += 1;
                if topic.contains('*') {
                    places.values_mut().for_each(|place| place.gapped = true);
                } else {
                    places.entry(topic).or_default().gapped = true;
                }
            }
            Told::Heard { topic, number, .. } => {
                found.heard += 1;
                let is_first = !places.contains_key(topic.as_str());
                let place = places.entry(topic).or_default();
                if *number <= place.last {
                    found.faults.push(format!("{topic}: {number} came after {}", place.last));
                } else if *number > place.last + 1 && !place.gapped && !(is_first && born_before.contains(topic)) {
                    found.faults.push(format!("{topic}: {} to {} are missing, and no gap", place.last + 1, number - 1));
                }
                *place = Place { last: *number, gapped: false };
            }
            _ => {}
        }
    }
    for (topic, wanted) in last {
        let place = places.get(topic.as_str());
        if place.is_none_or(|place| place.last != *wanted) {
            found.faults.push(format!("{topic}: {wanted} is the last one, and did not come ({place:?})"));
        }
    }
    found
}

/// Checks that each end of a node was told once: between two words that one start of it is gone lies one that it is up.
#[must_use]
pub fn check_members(record: &[Told]) -> Vec<String> {
    let mut gone = BTreeMap::<&str, (&str, Option<u64>)>::new();
    let mut faults = Vec::new();
    for told in record {
        let Told::Member { node, state, epoch, .. } = told else { continue };
        if state == "up" {
            gone.remove(node.as_str());
        } else if let Some((before, start)) = gone.insert(node, (state, *epoch))
            && start == *epoch
        {
            faults.push(format!("{node} was told {state} after {before}"));
        }
    }
    faults
}

/// Whether all others that live were told up, as this start of them, and nobody else.
#[must_use]
pub fn knows(record: &[Told], own: &str, living: &BTreeMap<&str, u64>) -> bool {
    let mut last = BTreeMap::new();
    for told in record {
        if let Told::Member { node, state, epoch, .. } = told {
            last.insert(node.as_str(), (state.as_str(), *epoch));
        }
    }
    last.retain(|_, (state, _)| *state == "up");
    let others = living.iter().filter(|(node, _)| **node != own);
    last == others.map(|(node, epoch)| (*node, ("up", Some(*epoch)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(number: u64) -> Told {
        Told::Heard { topic: "a".to_owned(), number, after_us: 0 }
    }

    fn gap(topic: &str) -> Told {
        Told::Gap { topic: topic.to_owned(), cause: "evicted".to_owned() }
    }

    fn faults(record: &[Told], last: u64) -> usize {
        check(record, &BTreeSet::new(), &BTreeMap::from([("a".to_owned(), last)])).faults.len()
    }

    #[test]
    fn a_record_is_whole_or_says_where_it_is_not() {
        assert_eq!(faults(&[heard(1), heard(2), heard(3)], 3), 0);
        assert_eq!(faults(&[heard(1), gap("a"), heard(4)], 4), 0);
        assert_eq!(faults(&[heard(1), gap("**"), heard(4)], 4), 0);
        assert_eq!(faults(&[heard(1), heard(3)], 3), 1, "silent");
        assert_eq!(faults(&[heard(1), gap("b"), heard(3)], 3), 1, "another topic's gap");
        assert_eq!(faults(&[heard(1), heard(1)], 1), 1, "twice");
        assert_eq!(faults(&[heard(2), heard(1)], 1), 2, "out of order, and the first was missing");
        assert_eq!(faults(&[heard(1), heard(2)], 3), 1, "the end is missing");
        let born_before = BTreeSet::from(["a".to_owned()]);
        assert!(check(&[heard(7), heard(8)], &born_before, &BTreeMap::new()).faults.is_empty());
    }
    fn member(node: &str, state: &str, epoch: u64) -> Told {
        Told::Member { node: node.to_owned(), state: state.to_owned(), epoch: Some(epoch), since_ms: 0 }
    }

    #[test]
    fn an_end_is_told_once() {
        let up = || member("a", "up", 1);
        let [down, left] = ["down", "left"].map(|state| move || member("a", state, 1));
        assert!(check_members(&[up(), down(), up(), left()]).is_empty());
        assert!(check_members(&[up(), down(), member("b", "down", 1)]).is_empty(), "another node's end");
        assert!(check_members(&[up(), down(), member("a", "down", 2)]).is_empty(), "the end of another start");
        assert_eq!(check_members(&[up(), down(), down()]).len(), 1);
        assert_eq!(check_members(&[up(), left(), down()]).len(), 1);
    }

    #[test]
    fn who_lives_is_up_as_that_start_of_it() {
        let living = BTreeMap::from([("me", 7), ("a", 1)]);
        assert!(knows(&[member("a", "up", 1), member("b", "up", 1), member("b", "left", 1)], "me", &living));
        assert!(!knows(&[], "me", &living));
        assert!(!knows(&[member("a", "up", 1), member("a", "down", 1)], "me", &living));
        assert!(!knows(&[member("a", "up", 2)], "me", &living), "another start");
        assert!(!knows(&[member("a", "up", 1), member("b", "up", 1)], "me", &living), "one that is gone");
    }
}
