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
            Told::Heard { topic, number } => {
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

/// Checks that each node was told up and down in turn.
#[must_use]
pub fn check_members(record: &[Told]) -> Vec<String> {
    let mut last = BTreeMap::<&str, (&str, Option<u64>)>::new();
    let mut faults = Vec::new();
    for told in record {
        let Told::Member { node, state, epoch } = told else { continue };
        let before = last.insert(node, (state, *epoch));
        // Up again without a down in between is another start of it, or its epoch has become known.
        if before == Some((state, *epoch)) {
            faults.push(format!("{node} was told {state} twice"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(number: u64) -> Told {
        Told::Heard { topic: "a".to_owned(), number }
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
}
