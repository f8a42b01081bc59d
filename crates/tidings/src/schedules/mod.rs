//! The schedules: who comes first, chosen by a seed.
//!
//! The simulator lets one thing happen after the other; here things happen at once. Two publishers, a shard and a
//! reader run as threads of [shuttle], which hands the core from one to another at each lock and each atomic. The
//! shard is the real one, [`shard::run`](crate::shard::run): a wake-up that is lost leaves everybody waiting, and
//! shuttle says so. The reader is cut wherever the seed says, between two deliveries, and comes back with its cursor.
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" TIDINGS_SEED=7 cargo test -p tidings --lib schedules::replay
//! ```
//!
//! Shuttle runs one thread at a time, so it finds what the order of steps can do, and not what weak memory can: that
//! the marked index is released and acquired is argued in DESIGN.md, and tested nowhere.

mod told;
mod traffic;

use std::panic::{self, AssertUnwindSafe};

use shuttle::{
    Config, FailurePersistence, Runner,
    scheduler::{DfsScheduler, PctScheduler, RandomScheduler},
};

use crate::plant::{Plant, plant};

use traffic::Plan;

/// Seeds of each plan that every run tries; `TIDINGS_SCHEDULES` sets another number.
const SEEDS: u64 = 50;

/// Seeds of each plan among which a planted bug has to show.
const SEEDS_PLANTED: u64 = 100;

/// Schedules of one seed. A PCT scheduler only learns from its first one how long a run is, so it needs many.
const SCHEDULES: usize = 100;

/// A PCT schedule changes priorities at one point less than this. Each bug of a shard's round needs one thread to stop
/// in the midst of its step and another to do the whole of its own; one more, so that they need not be exact.
const PCT_DEPTH: usize = 4;

/// All schedules of one seed; panics on what must not be.
fn run(seed: u64, plan: Plan) {
    let mut config = Config::new();
    // The seed is enough to run it again.
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    let body = move || traffic::run(plan);
    // Random schedules change threads often, PCT schedules seldom and where it hurts: each finds what the other misses.
    match seed % 2 {
        0 => Runner::new(RandomScheduler::new_from_seed(seed, SCHEDULES), config).run(body),
        _ => Runner::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, SCHEDULES), config).run(body),
    };
}

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a panic said.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The first seed with a schedule that fails, and what it said.
fn first_fault(seeds: u64, plan: Plan) -> Option<(u64, String)> {
    (0..seeds).find_map(|seed| {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| run(seed, plan)));
        outcome.err().map(|panic| (seed, message(&*panic)))
    })
}

fn holds(plan: Plan) {
    if let Some((seed, fault)) = first_fault(env("TIDINGS_SCHEDULES").unwrap_or(SEEDS), plan) {
        panic!(
            "{plan:?}, seed {seed}: {fault}\nreplay: RUSTFLAGS=\"--cfg shuttle\" TIDINGS_PLAN={plan:?} \
             TIDINGS_SEED={seed} cargo test -p tidings --lib schedules::replay"
        );
    }
}

#[test]
fn every_message_is_told_once_whatever_the_schedule() {
    holds(Plan::Whole);
}

#[test]
fn no_order_of_a_mailboxs_steps_loses_a_wake_up() {
    // Few enough steps for all of their orders.
    let mut config = Config::new();
    config.silence_warnings = true;
    let orders = Runner::new(DfsScheduler::new(None, false), config).run(|| traffic::run(Plan::Mailbox));
    assert!(orders > 100, "{orders} orders: shuttle does not see the steps");
}

#[test]
fn the_last_message_wakes_its_reader() {
    holds(Plan::Last);
}

#[test]
fn what_short_rings_let_go_of_is_told_as_a_gap() {
    holds(Plan::ShortRings);
}

#[test]
fn a_state_never_goes_back_and_ends_at_its_newest_value() {
    holds(Plan::State);
}

#[test]
fn a_pattern_hears_every_message_of_topics_that_begin_meanwhile() {
    holds(Plan::Pattern);
}

#[test]
fn a_topic_that_is_forgotten_meanwhile_is_told_as_a_gap() {
    holds(Plan::Forgotten);
}

#[test]
fn replay() {
    let Some(seed) = env("TIDINGS_SEED") else { return };
    let name = std::env::var("TIDINGS_PLAN").unwrap_or_default();
    let plan = Plan::ALL.into_iter().find(|plan| format!("{plan:?}") == name).unwrap_or(Plan::Whole);
    run(seed, plan);
}

/// Whether schedules of a plan, with a bug planted, find it.
fn finds(bug: Plant, plan: Plan) -> bool {
    plant(Some(bug));
    let found = first_fault(SEEDS_PLANTED, plan).is_some();
    plant(None);
    found
}

macro_rules! planted_bugs {
    ($($name:ident: $bug:ident in $plan:ident;)+) => {$(
        #[test]
        fn $name() {
            assert!(finds(Plant::$bug, Plan::$plan), "the schedules do not see {:?}", Plant::$bug);
        }
    )+};
}

planted_bugs! {
    sees_an_index_that_is_read_after_the_inbox: IndexAfterInbox in Whole;
    sees_an_index_that_is_stored_before_the_marks: IndexBeforeMarks in Whole;
    sees_a_wake_up_before_the_index: WakeBeforeIndex in Last;
    sees_a_publisher_that_marks_over_an_inbox: OwnRoundOverInbox in Whole;
    sees_a_wake_up_that_is_left_to_another_round: WakesForAnotherRound in Last;
    sees_a_mailbox_that_is_emptied_before_the_index_is_loaded: MailboxBeforeIndex in Whole;
    sees_a_reader_that_looks_before_it_waits: LooksBeforeItWaits in Mailbox;
    sees_a_stamp_that_is_not_appended_in_one_step: StampBeforeAppend in Whole;
    sees_a_place_that_is_taken_before_listening: PlaceBeforeListening in Whole;
    sees_a_history_that_begins_above_its_join: HistoryAboveItsJoin in ShortRings;
    sees_an_eviction_that_is_forgotten: EvictionForgotten in ShortRings;
    sees_a_forgotten_topic_that_begins_anew: ForgottenBeginsAnew in Forgotten;
    sees_a_floor_that_is_ignored: FloorIgnored in Whole;
}
