//! What a node sees of its cluster: counted from one telling to the next.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tidings::{Faults, Hub, Member, MemberState};
use tidings_wire::NodeName;

use super::post::{Order, Post};
use crate::cluster::{Fare, Seen, Sees, Trouble};

/// Watches the cluster for one worker.
pub(crate) struct Sight {
    hub: Hub,
    post: Post,
    faults: Option<Faults>,
    /// The last round trip to each node that answered. Held for a step in the map, never across an await.
    round_trips: Arc<Mutex<BTreeMap<NodeName, f32>>>,
    before: Option<Before>,
}

/// What had been counted at the last look.
struct Before {
    at: Instant,
    applied: u64,
    delivered: u64,
    members: BTreeMap<NodeName, Member>,
}

impl Sight {
    pub(crate) fn new(hub: Hub, post: Post, faults: Option<Faults>) -> Self {
        Self { hub, post, faults, round_trips: Arc::default(), before: None }
    }

    /// What is there now, and what was counted since the last look. Asks each other node once, for the next look.
    pub(crate) fn look(&mut self) -> Sees {
        let (at, members, total) = (Instant::now(), self.hub.nodes(), self.hub.info().total());
        let before = self.before.take();
        let since =
            |count: u64, was: fn(&Before) -> u64| before.as_ref().map_or(0, |before| count.saturating_sub(was(before)));
        let over_ms = before.as_ref().map_or(0, |before| (at - before.at).as_millis());
        let round_trips = self.round_trips().clone();
        let sees = Sees {
            epoch: self.hub.epoch(),
            over_ms: u64::try_from(over_ms).unwrap_or(u64::MAX),
            applied: since(total.published, |before| before.applied),
            delivered: since(total.delivered, |before| before.delivered),
            others: members
                .iter()
                .map(|member| {
                    let known = before.as_ref().map(|before| before.members.get(&member.node));
                    seen(member, known, round_trips.get(&member.node).copied())
                })
                .collect(),
            troubles: self.faults.iter().flat_map(Faults::list).map(trouble).collect(),
        };
        for member in &members {
            self.ask(member);
        }
        let members = members.into_iter().map(|member| (member.node.clone(), member)).collect();
        self.before = Some(Before { at, applied: total.published, delivered: total.delivered, members });
        sees
    }

    fn ask(&self, member: &Member) {
        let (node, round_trips) = (member.node.clone(), self.round_trips.clone());
        if member.state != MemberState::Up {
            lock(&round_trips).remove(&node);
            return;
        }
        let post = self.post.clone();
        tokio::spawn(async move {
            let asked = Instant::now();
            let answer = post.ask(&node, Order::Ping).await;
            let took = asked.elapsed();
            // Whole microseconds: the rest is noise, and digits that travel.
            let ms = (took.as_secs_f64() * 1e6).round() as f32 / 1e3;
            match answer {
                Ok(_) => lock(&round_trips).insert(node, ms),
                Err(_) => lock(&round_trips).remove(&node),
            }
        });
    }

    fn round_trips(&self) -> MutexGuard<'_, BTreeMap<NodeName, f32>> {
        lock(&self.round_trips)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How one node fares, and what was sent to it since the look `before`: `None` where there was none, and nothing can be
/// counted; in it `None` where the node was not there.
fn seen(member: &Member, before: Option<Option<&Member>>, round_trip_ms: Option<f32>) -> Seen {
    let sent = before.map_or(0, |before| {
        let was = before.map_or(0, |before| before.sent);
        // Another link begins its count anew.
        if member.sent >= was { member.sent - was } else { member.sent }
    });
    let fare = match member.state {
        MemberState::Up => Fare::Up,
        MemberState::Left => Fare::Left,
        MemberState::Incompatible => Fare::Incompatible,
        _ => Fare::Down,
    };
    Seen {
        node: member.node.clone(),
        epoch: member.epoch,
        fare,
        reason: member.reason.clone(),
        since_ms: member.since_ms,
        round_trip_ms: round_trip_ms.filter(|_| fare == Fare::Up),
        sent,
    }
}

fn trouble(fault: tidings::Fault) -> Trouble {
    Trouble { node: fault.node, cut: fault.cut, delay_ms: fault.delay_ms, left_ms: fault.left_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(sent: u64) -> Member {
        let (node, state) = ("beta".parse().unwrap(), MemberState::Up);
        Member { node, epoch: Some(1), state, reason: None, applied: 500, sent, spared: 70, since_ms: 10 }
    }

    #[test]
    fn what_is_sent_is_counted_from_look_to_look() {
        let before = member(100);
        let sent = |now: u64, before| seen(&member(now), before, None).sent;
        assert_eq!(sent(103, None), 0, "the first look");
        assert_eq!(sent(103, Some(None)), 103, "a node that was not there");
        assert_eq!(sent(103, Some(Some(&before))), 3);
        assert_eq!(sent(2, Some(Some(&before))), 2, "another link");
    }

    #[test]
    fn who_is_not_reached_has_no_round_trip() {
        let mut lost = member(100);
        assert_eq!(seen(&lost, None, Some(0.5)).round_trip_ms, Some(0.5));
        lost.state = MemberState::Down;
        let lost = seen(&lost, None, Some(0.5));
        assert_eq!((lost.round_trip_ms, lost.fare), (None, Fare::Down));
    }
}
