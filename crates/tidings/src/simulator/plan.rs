//! What may go wrong in a run, and how much happens.

use super::random::Random;

/// Kinds of topics that a run publishes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopicSort {
    /// State.
    Value,
    /// Events with a short history.
    Short,
    /// Events that keep everything.
    Long,
    Signal,
}

use TopicSort::{Long, Short, Signal, Value};

/// What may go wrong, and how much happens.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) readers: usize,
    pub(super) steps: u64,
    /// Milliseconds of a step.
    pub(super) step_ms: u64,
    pub(super) publishes_per_mille: u64,
    pub(super) loss_per_mille: u64,
    pub(super) delay_ms_max: u64,
    pub(super) cuts_per_mille: u64,
    /// A cut takes a whole node from all others.
    pub(super) isolates: bool,
    pub(super) deaths_per_mille: u64,
    pub(super) moves_per_mille: u64,
    /// For how long a reader that moves may be without a stream.
    pub(super) away_ms_max: u64,
    pub(super) stalls_per_mille: u64,
    /// Readers that take a topic more, or let one go.
    pub(super) changes_per_mille: u64,
    /// Readers that hold a pattern instead of topics.
    pub(super) patterns_per_mille: u64,
    /// Publishes that have an id and are tried again, most of them at another node.
    pub(super) retries_per_mille: u64,
    /// Nodes forget topics that nobody would miss.
    pub(super) forgets_per_mille: u64,
    pub(super) clock_error_ms: u64,
    pub(super) resend_max: Option<usize>,
    /// Pages that are present at a time.
    pub(super) pages: usize,
    /// After which a page that is gone leaves.
    pub(super) grace_ms: u64,
    /// Frames are repaired well within the grace: who is back in time is not told to have left.
    pub(super) repairs_in_time: bool,
    /// Bytes that a node's rings may hold.
    pub(super) bytes_max: Option<usize>,
    pub(super) sorts: &'static [TopicSort],
    pub(super) cursor_age_s: u64,
    pub(super) tombstone_age_s: u64,
    /// Steps after the faults, until everything is at rest.
    pub(super) settle_steps: u64,
    pub(super) verbose: bool,
}

impl Plan {
    pub(super) fn faults(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xfa_u64);
        Self {
            nodes: random.between(3, 7) as usize,
            readers: random.between(2, 6) as usize,
            steps: random.between(100, 300),
            step_ms: 10,
            publishes_per_mille: random.between(100, 900),
            loss_per_mille: *random.pick(&[0, 0, 20, 100, 300]),
            delay_ms_max: *random.pick(&[0, 5, 30, 120]),
            cuts_per_mille: *random.pick(&[0, 5, 20]),
            isolates: false,
            deaths_per_mille: *random.pick(&[0, 0, 5, 15]),
            moves_per_mille: *random.pick(&[0, 10, 40]),
            away_ms_max: *random.pick(&[0, 500]),
            stalls_per_mille: *random.pick(&[0, 0, 10]),
            changes_per_mille: *random.pick(&[0, 0, 20]),
            forgets_per_mille: *random.pick(&[0, 20]),
            patterns_per_mille: *random.pick(&[0, 400]),
            retries_per_mille: *random.pick(&[0, 200]),
            clock_error_ms: *random.pick(&[0, 50, 5_000]),
            resend_max: *random.pick(&[None, Some(3), Some(20)]),
            sorts: if random.per_mille(300) { &[Value, Long] } else { &[Value, Short, Long, Signal] },
            cursor_age_s: 60 * 60,
            tombstone_age_s: 24 * 60 * 60,
            settle_steps: 800,
            pages: 0,
            grace_ms: 5_000,
            repairs_in_time: false,
            verbose: false,
            // Some thirty messages: State always fits, and histories do not.
            bytes_max: *random.pick(&[None, None, Some(16_000)]),
        }
    }

    /// Hours of a cluster's life in seconds: cursors, deletions and the origins of dead nodes come of age.
    pub(super) fn aged(seed: u64) -> Self {
        let faults = Self::faults(seed);
        Self {
            steps: 400,
            step_ms: 50,
            cursor_age_s: 2,
            tombstone_age_s: 4,
            deaths_per_mille: 10,
            cuts_per_mille: faults.cuts_per_mille.max(5),
            publishes_per_mille: faults.publishes_per_mille.min(300),
            clock_error_ms: faults.clock_error_ms.min(50),
            settle_steps: 300,
            ..faults
        }
    }

    /// Values only, served from rings, by nodes that die with what they wrote last.
    pub(super) fn superseding(seed: u64) -> Self {
        Self {
            sorts: &[TopicSort::Value],
            resend_max: Some(3),
            deaths_per_mille: 15,
            loss_per_mille: 100,
            publishes_per_mille: 500,
            ..Self::faults(seed)
        }
    }

    /// Readers that are away for longer than Signals are kept, at nodes that forget.
    pub(super) fn forgetful(seed: u64) -> Self {
        Self {
            cursor_age_s: 60 * 60,
            tombstone_age_s: 24 * 60 * 60,
            forgets_per_mille: 300,
            moves_per_mille: 20,
            away_ms_max: 8_000,
            publishes_per_mille: 100,
            sorts: &[TopicSort::Signal, TopicSort::Value],
            ..Self::aged(seed)
        }
    }

    /// Nodes that are cut off for longer than deletions are remembered.
    pub(super) fn absent(seed: u64) -> Self {
        Self {
            tombstone_age_s: 4,
            isolates: true,
            deaths_per_mille: 0,
            publishes_per_mille: 40,
            cuts_per_mille: 10,
            resend_max: Some(3),
            sorts: &[TopicSort::Value],
            ..Self::aged(seed)
        }
    }

    /// Pages that are present, and everything that goes wrong.
    pub(super) fn presence(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x9e_u64);
        Self {
            readers: 0,
            publishes_per_mille: 20,
            retries_per_mille: 0,
            pages: random.between(2, 20) as usize,
            grace_ms: 1_000,
            step_ms: 20,
            settle_steps: 200,
            ..Self::faults(seed)
        }
    }

    /// The same with nodes that die and frames that are lost, and no partition: who is back in time never leaves.
    pub(super) fn presence_whole(seed: u64) -> Self {
        let plan = Self::presence(seed);
        Self {
            cuts_per_mille: 0,
            repairs_in_time: true,
            loss_per_mille: plan.loss_per_mille.min(20),
            delay_ms_max: plan.delay_ms_max.min(30),
            ..plan
        }
    }

    /// No faults, and rings that hold everything: there are no gaps.
    pub(super) fn calm(seed: u64) -> Self {
        Self {
            loss_per_mille: 0,
            cuts_per_mille: 0,
            deaths_per_mille: 0,
            stalls_per_mille: 0,
            resend_max: None,
            bytes_max: None,
            sorts: &[Value, Long],
            ..Self::faults(seed)
        }
    }

    /// The same with Signal topics. Readers stay where they are: a node that nobody asked keeps none of their messages.
    pub(super) fn calm_signals(seed: u64) -> Self {
        Self { moves_per_mille: 0, changes_per_mille: 30, sorts: &[Value, Long, Signal], ..Self::calm(seed) }
    }

    /// A hundred nodes. The first seed loses frames; in the others nodes die, and links are cut, too.
    pub(super) fn large(seed: u64) -> Self {
        let faults = Self::faults(seed + 1);
        let (steps, settle_steps, deaths_per_mille) = if seed == 0 { (30, 100, 0) } else { (40, 150, 100) };
        Self {
            nodes: 100,
            readers: 100,
            steps,
            settle_steps,
            deaths_per_mille,
            cuts_per_mille: if seed == 0 { 0 } else { 100 },
            publishes_per_mille: 900,
            loss_per_mille: 20,
            patterns_per_mille: 200,
            retries_per_mille: 200,
            ..faults
        }
    }

    /// Whether anything can go wrong with a node or a link.
    pub(super) fn has_faults(&self) -> bool {
        self.loss_per_mille + self.cuts_per_mille + self.deaths_per_mille > 0
    }
}
