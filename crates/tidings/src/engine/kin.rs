//! What a node is to another one that says its name: one rule for all engines, or two nodes would both go, or both stay.

use std::cmp::Ordering;

use tidings_wire::NodeName;

use super::Me;

/// What somebody who says a name is to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kin {
    /// Another node.
    Other,
    /// This very process.
    Myself,
    /// Another process has this node's name, and is older: this one has to go.
    OlderTwin,
    /// Another process has this node's name, and is younger: that one has to go.
    YoungerTwin,
}

impl Me {
    /// What a start of a node is to this one. Of two with one name the younger goes: the one with the larger epoch.
    ///
    /// ```
    /// use tidings::{Kin, Me};
    /// let me = Me { node: "alpha".parse()?, epoch: 7 };
    /// assert_eq!(me.kin(&"beta".parse()?, 7), Kin::Other);
    /// assert_eq!(me.kin(&me.node, 7), Kin::Myself);
    /// assert_eq!(me.kin(&me.node, 6), Kin::OlderTwin);
    /// assert_eq!(me.kin(&me.node, 8), Kin::YoungerTwin);
    /// # Ok::<(), tidings::wire::NameError>(())
    /// ```
    #[must_use]
    pub fn kin(&self, node: &NodeName, epoch: u64) -> Kin {
        match epoch.cmp(&self.epoch) {
            _ if *node != self.node => Kin::Other,
            Ordering::Equal => Kin::Myself,
            Ordering::Less => Kin::OlderTwin,
            Ordering::Greater => Kin::YoungerTwin,
        }
    }
}
