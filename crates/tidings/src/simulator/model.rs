//! What must be true at rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use tidings_wire::{OriginTag, TopicKind, TopicName, Version};

use super::node::{Heard, SimulatedReader};
use crate::Hub;

/// A promise that was broken.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that was ever published.
#[derive(Debug, Default)]
pub(super) struct Model {
    topics: BTreeMap<TopicName, Vec<Published>>,
}

#[derive(Debug)]
struct Published {
    kind: TopicKind,
    version: Version,
    stamp: u64,
    value: Option<u64>,
}

impl Model {
    pub(super) fn published(
        &mut self,
        topic: TopicName,
        kind: TopicKind,
        version: Version,
        stamp: u64,
        value: Option<u64>,
    ) {
        self.topics.entry(topic).or_default().push(Published { kind, version, stamp, value });
    }

    pub(super) fn check(&self, hubs: &[&Hub], readers: &[SimulatedReader]) -> Result<(), Fault> {
        self.nodes_have_the_same(hubs)?;
        self.state_is_the_newest(hubs)?;
        for (at, reader) in readers.iter().enumerate() {
            for topic in &reader.topics {
                let check = |published: &[Published]| match published[0].kind {
                    TopicKind::State => self.ends_with_the_newest(hubs, topic, reader),
                    _ => told_once_or_gapped(hubs[0], topic, published, reader),
                };
                let Some(published) = self.topics.get(topic) else { continue };
                check(published).map_err(|Fault(fault)| Fault(format!("reader {at} on {topic}: {fault}")))?;
            }
        }
        Ok(())
    }

    /// Promise: what one surviving node holds, all have.
    fn nodes_have_the_same(&self, hubs: &[&Hub]) -> Result<(), Fault> {
        let applied = |hub: &Hub| hub.shared.log().applied().iter().filter(|(_, stamp)| *stamp > 0).collect::<Vec<_>>();
        let first = applied(hubs[0]);
        match hubs.iter().find(|hub| applied(hub) != first) {
            Some(hub) => Err(Fault(format!(
                "{} has applied {first:?}, {} {:?}",
                hubs[0].node_name(),
                hub.node_name(),
                applied(hub)
            ))),
            None => Ok(()),
        }
    }

    /// What the survivors know of a State topic: the newest of what they have applied.
    fn newest(&self, hub: &Hub, topic: &TopicName) -> Option<u64> {
        let log = hub.shared.log();
        let applied =
            self.topics.get(topic)?.iter().filter(|one| log.applied().covers(one.version.origin(), one.stamp));
        applied.max_by_key(|one| one.version).and_then(|one| one.value)
    }

    /// Promise 6.
    fn state_is_the_newest(&self, hubs: &[&Hub]) -> Result<(), Fault> {
        for (topic, _) in self.topics.iter().filter(|(_, published)| published[0].kind == TopicKind::State) {
            for hub in hubs {
                let snapshot = hub.snapshot(topic, 1);
                let value = snapshot.entries.first().and_then(|entry| entry.payload.as_ref()?.decode::<u64>().ok());
                let newest = self.newest(hub, topic);
                if value != newest {
                    return Err(Fault(format!(
                        "{} holds {value:?} on {topic}, the newest is {newest:?}",
                        hub.node_name()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Promise 2, for State: the last thing that a reader was told is the newest value.
    fn ends_with_the_newest(&self, hubs: &[&Hub], topic: &TopicName, reader: &SimulatedReader) -> Result<(), Fault> {
        let Some(began) = &reader.began else { return Ok(()) };
        let after = self.topics[topic].iter().any(|one| {
            !began.covers(one.version.origin(), one.stamp)
                && hubs[0].shared.log().applied().covers(one.version.origin(), one.stamp)
        });
        let last = reader.heard.iter().rev().find_map(|heard| match heard {
            Heard::Message { topic: on, value, .. } if on == topic => Some((*value != 0).then_some(*value)),
            Heard::Snapshot { topic: on, value } if on == topic => Some(*value),
            _ => None,
        });
        let newest = self.newest(hubs[0], topic);
        let newest_is_after = self.topics[topic]
            .iter()
            .filter(|one| hubs[0].shared.log().applied().covers(one.version.origin(), one.stamp))
            .max_by_key(|one| one.version)
            .is_some_and(|one| !began.covers(one.version.origin(), one.stamp));
        match last {
            Some(last) if last != newest => Err(Fault(format!("was last told {last:?}, the newest is {newest:?}"))),
            None if after && newest_is_after => Err(Fault(format!("was never told {newest:?}"))),
            _ => Ok(()),
        }
    }
}

/// Promise 2, for Events and Signal: each message that survives was told once and in order, or a gap stands where it is
/// missing.
fn told_once_or_gapped(
    hub: &Hub,
    topic: &TopicName,
    published: &[Published],
    reader: &SimulatedReader,
) -> Result<(), Fault> {
    let Some(began) = &reader.began else { return Ok(()) };
    let log = hub.shared.log();
    let origins: BTreeSet<OriginTag> = published.iter().map(|one| one.version.origin()).collect();
    for origin in origins {
        let survives = published
            .iter()
            .filter(|one| one.version.origin() == origin && log.applied().covers(origin, one.stamp))
            .map(|one| one.stamp);
        let expected: BTreeSet<u64> = survives.filter(|stamp| !began.covers(origin, *stamp)).collect();
        let mut last = began.get(origin);
        let mut gapped = false;
        for heard in &reader.heard {
            match heard {
                Heard::Gap { topic: on, .. } if on == topic => gapped = true,
                // What was told before may be told again.
                Heard::Rewound => (last, gapped) = (0, true),
                Heard::Message { topic: on, origin: from, stamp, value } if on == topic && *from == origin => {
                    if *stamp <= last {
                        return Err(Fault(format!("{value} ({origin} {stamp}) came after stamp {last}")));
                    }
                    if let Some(missing) = expected.range(last + 1..*stamp).next()
                        && !gapped
                    {
                        return Err(Fault(format!("{origin} {missing} is missing before {stamp}, without a gap")));
                    }
                    (last, gapped) = (*stamp, false);
                }
                _ => {}
            }
        }
        if let Some(missing) = expected.range(last + 1..).next()
            && !gapped
        {
            return Err(Fault(format!("{origin} {missing} was never told, nor a gap")));
        }
    }
    Ok(())
}
