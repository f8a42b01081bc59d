//! Rights that change while a stream is open.
//!
//! The rules are asked again in three steps, none of which loses a message:
//!
//! 1. An empty join, as for a beat: when the reader hands it out, its cursor covers nothing unread.
//! 2. There, what may no longer be read is let go, what was refused and is open now is joined, and patterns are joined
//!    anew after that cursor, by which they find what the rules allow now.
//! 3. When those joins are through, the page is told: `joined` with the call [`RIGHTS_CALL`](tidings::wire::live), and
//!    for State topics that came or went what they hold now.

use std::collections::HashSet;

use tidings::{
    Start,
    wire::{
        Pattern, TopicKind, TopicName,
        event::{Joined, Refused, RefusedReason, Snapshot, SnapshotValue, name},
        live::{Hold, RIGHTS_CALL},
    },
};

use crate::stream::{StreamBody, start};

/// The `call` of the first step's join, and of the second's. Pages count from 1 and do not come this far.
const ASKED_CALL: u64 = u64::MAX;
const GIVEN_CALL: u64 = u64::MAX - 1;

/// What a stream knows of its rights, beside what it holds.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    /// Topics of the page that it may not read, to be joined should that change.
    refused: Vec<Hold>,
    /// Boxed, for it is rare and a node has many streams.
    asking: Option<Box<Step>>,
    /// They have changed again meanwhile.
    again: bool,
}

#[derive(Debug)]
enum Step {
    /// The reader reads up to where the rules were found changed.
    ReadingOn,
    /// What it hears was changed; it heard these before.
    Joining { before: HashSet<TopicName>, result: Joined },
}

impl Rights {
    /// A topic was refused.
    pub(crate) fn refuse(&mut self, hold: Hold, most: usize) {
        self.forget(&hold.topic);
        // A page that asks for more closed topics than it may have open ones is not served better by a memory of them.
        if self.refused.len() < most {
            self.refused.push(hold);
        }
    }

    /// The page no longer wants a topic.
    pub(crate) fn forget(&mut self, topic: &Pattern) {
        self.refused.retain(|hold| hold.topic != *topic);
    }
}

impl StreamBody {
    /// Asks the rules again.
    pub(crate) fn ask_again(&mut self) {
        if self.rights.asking.is_some() {
            self.rights.again = true;
        } else {
            self.rights.asking = Some(Box::new(Step::ReadingOn));
            self.reader.join(ASKED_CALL, Vec::new());
        }
    }

    /// A join was handed out; says whether it was one of these.
    pub(crate) fn rights_joined(&mut self, call: u64, cursor: &str) -> bool {
        match (call, self.rights.asking.take().map(|step| *step)) {
            (ASKED_CALL, Some(Step::ReadingOn)) => self.apply_rights(cursor),
            (GIVEN_CALL, Some(Step::Joining { before, result })) => self.tell_rights(before, result, cursor),
            (_, asking) => {
                self.rights.asking = asking.map(Box::new);
                return false;
            }
        }
        true
    }

    /// Everything up to the cursor was handed out.
    fn apply_rights(&mut self, cursor: &str) {
        let before: HashSet<_> = self.reader.topics().cloned().collect();
        let mut result = Joined { absent: self.presence_rights(), ..Joined::of(RIGHTS_CALL) };
        let mut wanted = Vec::new();
        let held: Vec<Pattern> = self.reader.holds().collect();
        let refused = std::mem::take(&mut self.rights.refused);
        for pattern in held {
            let hold = Hold { topic: pattern.clone(), after: Some(cursor.to_owned()), last: None };
            match pattern.as_topic() {
                Some(topic) if self.may_read(&topic) => {}
                // A client of a plain stream asks again, and is told by a status.
                Some(_) if self.page.is_none() => self.ended = true,
                Some(_) => {
                    self.reader.leave(&pattern);
                    self.rights.refused.push(hold);
                    result.refused.push(Refused { topic: pattern, reason: RefusedReason::Forbidden });
                }
                None => {
                    self.reader.leave(&pattern);
                    wanted.push((pattern.clone(), Start::After(cursor.into())));
                    result.live.push(pattern);
                }
            }
        }
        for hold in refused {
            if hold.topic.as_topic().is_some_and(|topic| self.may_read(&topic)) {
                result.live.push(hold.topic.clone());
                wanted.push((hold.topic.clone(), start(hold)));
            } else {
                self.rights.refused.push(hold);
            }
        }
        for (topic, error) in self.reader.join(GIVEN_CALL, wanted) {
            tracing::warn!(%topic, %error, "a topic was refused");
            result.live.retain(|live| *live != topic);
            result.refused.push(Refused { topic, reason: RefusedReason::Limit });
        }
        self.rights.asking = Some(Box::new(Step::Joining { before, result }));
    }

    /// The reader hears what the rules allow now.
    fn tell_rights(&mut self, before: HashSet<TopicName>, result: Joined, cursor: &str) {
        let after: HashSet<_> = self.reader.topics().cloned().collect();
        let hub = self.live.hub().clone();
        let is_state = |topic: &&TopicName| hub.kind(topic) == Some(TopicKind::State);
        for topic in before.difference(&after).filter(is_state) {
            self.event(name::SNAPSHOT, None, &Snapshot { topic: topic.clone(), value: None });
        }
        // What a cursor covers is not told again, but of these it was not told before.
        for topic in after.difference(&before).filter(is_state) {
            let snapshot = hub.snapshot(topic, 1);
            let value = snapshot.entries.first().and_then(|entry| {
                let data = serde_json::from_str(entry.payload.as_ref()?.as_str()).ok()?;
                Some(SnapshotValue { version: entry.version, data })
            });
            if value.is_some() {
                self.event(name::SNAPSHOT, None, &Snapshot { topic: topic.clone(), value });
            }
        }
        let told = !(result.live.is_empty() && result.refused.is_empty() && result.absent.is_empty());
        if told && self.page.is_some() {
            self.event(name::JOINED, Some(cursor), &result);
        }
        if std::mem::take(&mut self.rights.again) {
            self.ask_again();
        }
    }
}
