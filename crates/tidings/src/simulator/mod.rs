//! The simulator: many nodes, one thread, a seed.
//!
//! Real hubs with their real readers, on clocks that are moved by hand and over a network that loses,
//! delays, cuts and heals as the seed says. At rest, the [`model`] checks what every reader was told.
//!
//! `TIDINGS_SEED=7 cargo test -p tidings simulator::replay -- --nocapture` runs one seed and tells
//! what happens.

#![expect(clippy::print_stdout, reason = "a replay tells what happens")]

mod model;
mod network;
mod node;
mod plan;
mod random;
mod world;

use model::Fault;
use plan::Plan;
use world::World;

use crate::plant::{Plant, plant};

/// Seeds that every run of the tests tries; `TIDINGS_SEEDS` sets another number.
const SEEDS: u64 = 2_000;

/// Seeds of a hundred nodes, some ten seconds each; `TIDINGS_LARGE_SEEDS` sets another number.
const LARGE_SEEDS: u64 = 3;

fn run(seed: u64, plan: Plan) -> Result<World, Fault> {
    let mut world = World::new(seed, plan);
    world.run()?;
    Ok(world)
}

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_ends_with_every_message_told_or_its_loss() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) {
        if let Err(fault) = run(seed, Plan::faults(seed)) {
            panic!(
                "seed {seed}: {fault}\nreplay: TIDINGS_SEED={seed} cargo test -p tidings simulator::replay -- --nocapture"
            );
        }
    }
}

#[test]
fn without_faults_nothing_is_missing_and_no_gap_is_told() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) / 10 {
        let world = run(seed, Plan::calm(seed)).unwrap_or_else(|fault| panic!("seed {seed} without faults: {fault}"));
        assert_eq!(world.gaps(), 0, "seed {seed}: gaps without a fault");
    }
}

#[test]
fn without_faults_signals_are_whole_for_who_stays() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) / 10 {
        let world = run(seed, Plan::calm_signals(seed)).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        assert_eq!(world.gaps(), 0, "seed {seed}: gaps without a fault");
    }
}

#[test]
fn a_long_life_with_dead_origins_and_deletions_that_nobody_remembers() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) / 10 {
        if let Err(fault) = run(seed, Plan::aged(seed)) {
            panic!(
                "seed {seed} of a long life: {fault}\nreplay: TIDINGS_PLAN=aged TIDINGS_SEED={seed} cargo test -p tidings simulator::replay -- --nocapture"
            );
        }
    }
}

#[test]
fn who_is_away_for_long_is_told_what_is_gone() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) / 20 {
        for (name, plan) in [
            ("forgetful", Plan::forgetful(seed)),
            ("absent", Plan::absent(seed)),
            ("superseding", Plan::superseding(seed)),
        ] {
            if let Err(fault) = run(seed, plan) {
                panic!(
                    "seed {seed}: {fault}\nreplay: TIDINGS_PLAN={name} TIDINGS_SEED={seed} cargo test -p tidings simulator::replay -- --nocapture"
                );
            }
        }
    }
}

#[test]
fn who_is_present_is_listed_everywhere_and_nobody_else() {
    for seed in 0..env("TIDINGS_SEEDS").unwrap_or(SEEDS) / 10 {
        for (name, plan) in [("presence", Plan::presence(seed)), ("presence_whole", Plan::presence_whole(seed))] {
            if let Err(fault) = run(seed, plan) {
                panic!(
                    "seed {seed}: {fault}\nreplay: TIDINGS_PLAN={name} TIDINGS_SEED={seed} cargo test -p tidings simulator::replay -- --nocapture"
                );
            }
        }
    }
}

#[test]
fn a_hundred_nodes_converge() {
    for seed in 0..env("TIDINGS_LARGE_SEEDS").unwrap_or(LARGE_SEEDS) {
        if let Err(fault) = run(seed, Plan::large(seed)) {
            panic!(
                "seed {seed} of a hundred nodes: {fault}\nreplay: TIDINGS_PLAN=large TIDINGS_SEED={seed} cargo test -p tidings simulator::replay -- --nocapture"
            );
        }
    }
}

#[test]
fn replay() {
    let Some(seed) = env("TIDINGS_SEED") else { return };
    let plan = match std::env::var("TIDINGS_PLAN").as_deref() {
        Ok("aged") => Plan::aged(seed),
        Ok("superseding") => Plan::superseding(seed),
        Ok("forgetful") => Plan::forgetful(seed),
        Ok("absent") => Plan::absent(seed),
        Ok("calm") => Plan::calm(seed),
        Ok("presence") => Plan::presence(seed),
        Ok("presence_whole") => Plan::presence_whole(seed),
        Ok("signals") => Plan::calm_signals(seed),
        Ok("large") => Plan::large(seed),
        _ => Plan::faults(seed),
    };
    match run(seed, Plan { verbose: true, ..plan }) {
        Ok(world) => println!("seed {seed}: all told; {}", world.summary()),
        Err(fault) => panic!("seed {seed}: {fault}"),
    }
}

/// Bugs that only show where somebody is present.
const OF_PRESENCE: [Plant; 6] = [
    Plant::GhostsStay,
    Plant::GraceIgnored,
    Plant::LeavesThoughBack,
    Plant::PresenceHoleAppliedOver,
    Plant::HeadNotBelieved,
    Plant::UnlistedStay,
];

/// Tries seeds with a bug planted until one finds it. Those that need a life of their own are looked for in it.
fn finds(bug: Plant) -> Option<(u64, Fault)> {
    plant(Some(bug));
    let found = (0..1_000).find_map(|seed| {
        let plan = match seed % 10 {
            _ if bug == Plant::DeletionsNotSynced => Plan::absent(seed),
            0 | 2 | 4 if OF_PRESENCE.contains(&bug) => Plan::presence_whole(seed),
            _ if OF_PRESENCE.contains(&bug) => Plan::presence(seed),
            _ if bug == Plant::ForgottenBeginsAnew => Plan::forgetful(seed),
            _ if bug == Plant::PatternForgetsForgotten => Plan::forgetful(seed),
            9 => Plan::calm(seed),
            8 => Plan::calm_signals(seed),
            6 | 7 => Plan::aged(seed),
            _ => Plan::faults(seed),
        };
        run(seed, plan).err().map(|fault| (seed, fault))
    });
    plant(None);
    found
}

macro_rules! planted_bugs {
    ($($name:ident: $bug:ident;)+) => {$(
        #[test]
        fn $name() {
            let found = finds(Plant::$bug);
            assert!(found.is_some(), "the simulator does not see {:?}", Plant::$bug);
        }
    )+};
}

planted_bugs! {
    sees_a_hole_applied_over: HoleAppliedOver;
    sees_a_repair_that_hides_its_gaps: RepairWithoutGaps;
    sees_a_vector_that_jumps: VectorJumpsAtBeat;
    sees_a_resume_before_the_node_caught_up: ResumeBeforeCaughtUp;
    sees_an_older_value_that_wins: OlderValueWins;
    sees_a_dead_node_that_is_not_pulled: DeadIsNotPulled;
    sees_an_eviction_that_is_forgotten: EvictionForgotten;
    sees_a_floor_that_is_ignored: FloorIgnored;
    sees_a_need_that_is_not_served: NeedNotServed;
    sees_a_forgotten_topic_that_begins_anew: ForgottenBeginsAnew;
    sees_an_interest_that_misses_a_publish_in_between: InterestAnsweredAtOnce;
    sees_an_interest_that_is_not_awaited: InterestNotAwaited;
    sees_what_nobody_asked_for_forgotten: InterestFloorIgnored;
    sees_a_pull_that_hides_signals: PullHidesSignals;
    sees_a_deletion_undone_by_a_sync: DeletionsNotSynced;
    sees_a_topic_that_is_not_introduced: TopicNotIntroduced;
    sees_a_pattern_that_forgets_what_is_forgotten: PatternForgetsForgotten;
    sees_a_retry_that_is_applied: RetryApplied;
    sees_a_ghost: GhostsStay;
    sees_a_grace_that_is_ignored: GraceIgnored;
    sees_who_leaves_though_it_is_back: LeavesThoughBack;
    sees_presences_applied_over_a_hole: PresenceHoleAppliedOver;
    sees_a_head_that_is_not_believed: HeadNotBelieved;
    sees_what_a_list_does_not_name_stay: UnlistedStay;
}
