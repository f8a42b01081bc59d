//! The network: FIFO between each two nodes, and otherwise as bad as the plan says.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use super::random::Random;

/// Bytes on their way.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    at_ms: u64,
    /// Sent in this order: ties are not left to chance.
    order: u64,
    from: usize,
    to: usize,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Network {
    flying: BinaryHeap<Reverse<Flying>>,
    order: u64,
    /// Directed links that let nothing through.
    cut: BTreeSet<(usize, usize)>,
    last_ms: HashMap<(usize, usize), u64>,
    pub(super) loss_per_mille: u64,
    pub(super) delay_ms_max: u64,
}

impl Network {
    pub(super) fn new(loss_per_mille: u64, delay_ms_max: u64) -> Self {
        Self { loss_per_mille, delay_ms_max, ..Self::default() }
    }

    pub(super) fn send(&mut self, random: &mut Random, now_ms: u64, from: usize, to: usize, bytes: Vec<u8>) {
        let lost = random.per_mille(self.loss_per_mille);
        let delay_ms = random.between(0, self.delay_ms_max);
        if lost || self.cut.contains(&(from, to)) {
            return;
        }
        let last_ms = self.last_ms.entry((from, to)).or_default();
        *last_ms = (*last_ms).max(now_ms + delay_ms);
        self.order += 1;
        self.flying.push(Reverse(Flying { at_ms: *last_ms, order: self.order, from, to, bytes }));
    }

    /// What arrives by now, in order.
    pub(super) fn arrived(&mut self, now_ms: u64) -> Option<(usize, usize, Vec<u8>)> {
        if self.flying.peek()?.0.at_ms > now_ms {
            return None;
        }
        let Reverse(Flying { from, to, bytes, .. }) = self.flying.pop()?;
        Some((from, to, bytes))
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    pub(super) fn heal(&mut self) {
        self.cut.clear();
    }

    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    /// What was on its way to a node that ended, and from it, unless it left in order.
    pub(super) fn drop_of(&mut self, node: usize, left: bool) {
        self.flying.retain(|Reverse(flying)| (left || flying.from != node) && flying.to != node);
    }
}
