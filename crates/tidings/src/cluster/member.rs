//! Membership: the nodes of the cluster, as people and programs ask for them.

use std::collections::BTreeMap;

use serde::Serialize;
use tidings_wire::NodeName;

/// Nodes that are remembered after they went: a rolling update of a large cluster, and some.
const GONE_MAX: usize = 256;

/// How a node fares, as this one sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MemberState {
    /// The engine reaches it.
    Up,
    /// The engine has lost it.
    Down,
    /// It said that it stops.
    Left,
    /// It speaks another version, or sent what this node refuses.
    Incompatible,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub node: NodeName,
    /// The start of it that was heard last; `None` before its first frame.
    pub epoch: Option<u64>,
    /// How it fares.
    pub state: MemberState,
    /// Why it is `Down` or `Incompatible`, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The highest stamp of its messages that this node has applied: it counts what has come from that start of it.
    pub applied: u64,
    /// Messages of this node that it was sent since its link began, repairs included.
    pub sent: u64,
    /// Messages of this node that it was not sent, for nobody reads them there: interest at work.
    pub spared: u64,
    /// Since when, in milliseconds since the Unix epoch by this node's clock.
    pub since_ms: u64,
}

/// All other nodes that were ever seen, within a bound.
#[derive(Debug, Default)]
pub(crate) struct Members {
    all: BTreeMap<NodeName, Member>,
    /// Counts changes, so that who waits for one can tell.
    pub(crate) changes: u64,
}

impl Members {
    /// Notes how a node fares; says whether that is news.
    pub(crate) fn set(&mut self, node: &NodeName, state: MemberState, reason: Option<String>, now_ms: u64) -> bool {
        let known = self.all.get(node);
        if known.is_some_and(|known| known.state == state && known.reason == reason) {
            return false;
        }
        let epoch = known.and_then(|known| known.epoch);
        self.all.insert(
            node.clone(),
            Member { node: node.clone(), epoch, state, reason, applied: 0, sent: 0, spared: 0, since_ms: now_ms },
        );
        self.changes += 1;
        self.forget_longest_gone();
        true
    }

    /// A node's frame names its epoch.
    pub(crate) fn heard(&mut self, node: &NodeName, epoch: u64) {
        if let Some(member) = self.all.get_mut(node).filter(|member| member.epoch != Some(epoch)) {
            member.epoch = Some(epoch);
            self.changes += 1;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.all.values()
    }

    fn forget_longest_gone(&mut self) {
        let gone = || self.all.values().filter(|member| member.state != MemberState::Up);
        if gone().count() > GONE_MAX
            && let Some(oldest) = gone().min_by_key(|member| member.since_ms).map(|member| member.node.clone())
        {
            self.all.remove(&oldest);
        }
    }
}
