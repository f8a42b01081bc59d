//! What must be true at rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use tidings_wire::{Cursor, OriginTag, Pattern, TopicKind, TopicName, Version, event::GapCause};

use super::{
    node::{Heard, SimulatedReader},
    plan::Plan,
};
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
        let of_topic = self.topics.entry(topic).or_default();
        // A retry that was known to be one has the answer of the first.
        if !of_topic.iter().any(|one| one.version == version) {
            of_topic.push(Published { kind, version, stamp, value });
        }
    }

    /// Deletions of before `remembered_ms`, by the nodes' clocks, are no more remembered by anybody.
    pub(super) fn check(&self, hubs: &[&Hub], readers: &[SimulatedReader], remembered_ms: u64) -> Result<(), Fault> {
        self.nodes_have_the_same(hubs)?;
        self.state_is_the_newest(hubs, remembered_ms)?;
        for (at, reader) in readers.iter().enumerate() {
            for (held, began) in &reader.holds {
                let Some(began) = began else { continue };
                // All of a pattern: what began while it was held, too.
                for (topic, published) in self.topics.iter().filter(|(topic, _)| held.matches(topic)) {
                    let checked = match published[0].kind {
                        TopicKind::State => self.ends_with_the_newest(hubs, topic, began, reader),
                        _ => told_once_or_gapped(hubs[0], topic, published, began, reader)
                            .and_then(|()| retries_are_told_once(topic, reader)),
                    };
                    checked.map_err(|Fault(fault)| Fault(format!("reader {at} on {topic}, by {held}: {fault}")))?;
                }
            }
        }
        Ok(())
    }

    /// Promise: what one surviving node holds, all have.
    fn nodes_have_the_same(&self, hubs: &[&Hub]) -> Result<(), Fault> {
        let applied = |hub: &Hub| {
            hub.shared.log().all_applied().filter(|(_, stamp)| *stamp > 0).collect::<BTreeMap<OriginTag, u64>>()
        };
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

    /// The newest value of a State topic among those that the survivors have applied.
    fn newest(&self, hub: &Hub, topic: &TopicName) -> Option<&Published> {
        let log = hub.shared.log();
        let applied = self.topics.get(topic)?.iter().filter(|one| log.has(one.version.origin()) >= one.stamp);
        applied.max_by_key(|one| one.version)
    }

    /// Promise 6. A value of a dead node that a survivor has, though not what that node published before, may win. So may
    /// an older one of a node that was away for longer than the deletion was remembered: all have to agree on it.
    fn state_is_the_newest(&self, hubs: &[&Hub], remembered_ms: u64) -> Result<(), Fault> {
        for (topic, published) in self.topics.iter().filter(|(_, published)| published[0].kind == TopicKind::State) {
            let newest = self.newest(hubs[0], topic);
            let held = held(hubs[0], topic);
            let is_forgotten = |one: &Published| one.value.is_none() && one.version.ms() < remembered_ms;
            let is_newest = |one: &Published| {
                let beats = |newest: &Published| newest.version.clock() <= one.version.clock() || is_forgotten(newest);
                one.value == held && newest.is_none_or(beats)
            };
            if !published.iter().any(is_newest) && !(newest.is_none() && held.is_none()) {
                return Err(Fault(format!(
                    "{} holds {held:?} on {topic}, the newest is {newest:?}",
                    hubs[0].node_name()
                )));
            }
            if let Some(other) = hubs.iter().find(|hub| self::held(hub, topic) != held) {
                let (one, name, others) = (hubs[0].node_name(), other.node_name(), self::held(other, topic));
                return Err(Fault(format!(
                    "{one} holds {held:?} on {topic}, {name} {others:?}; the newest is {newest:?}"
                )));
            }
        }
        Ok(())
    }

    /// Promise 2, for State: the last thing that a reader was told is the newest value.
    fn ends_with_the_newest(
        &self,
        hubs: &[&Hub],
        topic: &TopicName,
        began: &Cursor,
        reader: &SimulatedReader,
    ) -> Result<(), Fault> {
        let after = self.topics[topic].iter().any(|one| {
            !began.covers(one.version.origin(), one.stamp)
                && hubs[0].shared.log().has(one.version.origin()) >= one.stamp
        });
        let (mut last, mut is_in_snapshot) = (None, true);
        for heard in &reader.heard {
            let told = match heard {
                Heard::Message { topic: on, value, .. } if on == topic => (*value != 0).then_some(*value),
                Heard::Snapshot { topic: on, value } if on == topic => *value,
                Heard::PatternGap { pattern, .. } if pattern.matches(topic) => {
                    is_in_snapshot = false;
                    continue;
                }
                // What a pattern's snapshot does not name is gone.
                Heard::Complete { pattern } if pattern.matches(topic) && !is_in_snapshot => None,
                _ => continue,
            };
            (last, is_in_snapshot) = (Some(told), true);
        }
        let newest = held(hubs[0], topic);
        let newest_is_after = self.topics[topic]
            .iter()
            .filter(|one| hubs[0].shared.log().has(one.version.origin()) >= one.stamp)
            .max_by_key(|one| one.version)
            .is_some_and(|one| !began.covers(one.version.origin(), one.stamp));
        match last {
            Some(last) if last != newest => Err(Fault(format!("was last told {last:?}, the newest is {newest:?}"))),
            // Who was told nothing, and there is nothing, is right.
            None if after && newest_is_after && newest.is_some() && reader.held.get(topic) != Some(&newest) => {
                Err(Fault(format!("was never told {newest:?}")))
            }
            _ => Ok(()),
        }
    }
}

/// What a node holds on a State topic.
pub(super) fn held(hub: &Hub, topic: &TopicName) -> Option<u64> {
    hub.snapshot(topic, 1).entries.first()?.payload.as_ref()?.decode().ok()
}

/// Promise 2, for Events and Signal: each message that survives was told once and in order, or a gap stands where it is
/// missing.
fn told_once_or_gapped(
    hub: &Hub,
    topic: &TopicName,
    published: &[Published],
    began: &Cursor,
    reader: &SimulatedReader,
) -> Result<(), Fault> {
    let log = hub.shared.log();
    let origins: BTreeSet<OriginTag> = published.iter().map(|one| one.version.origin()).collect();
    for origin in origins {
        let survives = published
            .iter()
            .filter(|one| one.version.origin() == origin && log.has(origin) >= one.stamp)
            .filter(|one| !is_told_by_its_twin(topic, one, published, began, reader))
            .map(|one| one.stamp);
        let expected: BTreeSet<u64> = survives.filter(|stamp| !began.covers(origin, *stamp)).collect();
        let mut last = began.get(origin);
        let mut gapped = false;
        for heard in &reader.heard {
            match heard {
                // What is retained is told again.
                Heard::Gap { topic: on, cause: GapCause::CursorTooOld | GapCause::Rewound } if on == topic => {
                    (last, gapped) = (0, true);
                }
                Heard::PatternGap { pattern, cause: GapCause::CursorTooOld | GapCause::Rewound }
                    if pattern.matches(topic) =>
                {
                    (last, gapped) = (0, true);
                }
                Heard::Gap { topic: on, .. } if on == topic => gapped = true,
                Heard::PatternGap { pattern, .. } if pattern.matches(topic) => gapped = true,
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

/// Whether a message is one of two that a writer's retry made of one write, and a reader needs to be told only the other:
/// a node that has one of them leaves the other out.
fn is_told_by_its_twin(
    topic: &TopicName,
    one: &Published,
    published: &[Published],
    began: &Cursor,
    reader: &SimulatedReader,
) -> bool {
    let is_twin = |other: &&Published| other.value == one.value && other.version != one.version;
    published.iter().filter(is_twin).any(|twin| {
        let (of, with) = (twin.version.origin(), twin.stamp);
        began.covers(of, with)
            || reader.heard.iter().any(|heard| match heard {
                Heard::Message { topic: on, origin, stamp, .. } => on == topic && *origin == of && *stamp == with,
                // It may have been what the gap is of.
                Heard::Gap { topic: on, .. } => on == topic,
                Heard::PatternGap { pattern, .. } => pattern.matches(topic),
                _ => false,
            })
    })
}

/// A retry is harmless: who stays at a node is told each write once, however often it was published.
fn retries_are_told_once(topic: &TopicName, reader: &SimulatedReader) -> Result<(), Fault> {
    let mut told = BTreeSet::new();
    for heard in &reader.heard {
        match heard {
            Heard::Message { topic: on, value, .. } if on == topic => {
                if !told.insert(*value) {
                    return Err(Fault(format!("{value} was told twice")));
                }
            }
            // Another node may have taken the other one, and what is retained is told again.
            Heard::Moved | Heard::Rewound => told.clear(),
            Heard::Gap { cause: GapCause::CursorTooOld | GapCause::Rewound, .. }
            | Heard::PatternGap { cause: GapCause::CursorTooOld | GapCause::Rewound, .. } => told.clear(),
            _ => {}
        }
    }
    Ok(())
}

/// Each gap has a cause that the plan made possible.
pub(super) fn causes_are_known(plan: &Plan, readers: &[SimulatedReader]) -> Result<(), Fault> {
    let is_known = |topic: &TopicName, cause: GapCause| {
        // Rings that are meant to overflow; and where all rings together may, any of them but a value's.
        let is_bounded = topic.as_str().starts_with("log/")
            || topic.as_str().starts_with("signal/")
            || (plan.bytes_max.is_some() && !topic.as_str().starts_with("value/"));
        match cause {
            // Its ring is long enough for what was published, unless it is meant to overflow.
            GapCause::Slow => is_bounded,
            // The same; or it had been lost to this node, or forgotten.
            GapCause::Evicted => is_bounded || plan.has_faults(),
            GapCause::Lost | GapCause::Rewound | GapCause::NodeSilent => plan.has_faults(),
            GapCause::NodeDied => plan.deaths_per_mille + plan.cuts_per_mille > 0,
            GapCause::CursorTooOld => plan.cursor_age_s < 60,
            _ => false,
        }
    };
    let is_known_of_all = |pattern: &Pattern, cause: GapCause| match cause {
        // A topic that was forgotten above the cursor; or Signals that this node did not ask for.
        GapCause::Evicted => {
            let has_signals = matches!(pattern.as_str(), "**" | "signal/*");
            has_signals || plan.forgets_per_mille > 0 || plan.has_faults()
        }
        GapCause::Lost | GapCause::Rewound | GapCause::NodeSilent => plan.has_faults(),
        GapCause::CursorTooOld => plan.cursor_age_s < 60,
        _ => false,
    };
    for (at, reader) in readers.iter().enumerate() {
        for heard in &reader.heard {
            let unknown = match heard {
                Heard::Gap { topic, cause } if !is_known(topic, *cause) => (topic.as_str(), cause),
                Heard::PatternGap { pattern, cause } if !is_known_of_all(pattern, *cause) => (pattern.as_str(), cause),
                _ => continue,
            };
            return Err(Fault(format!("reader {at} on {}: a gap for {} has no cause", unknown.0, unknown.1.as_str())));
        }
    }
    Ok(())
}
