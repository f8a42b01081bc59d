//! Origins that are long dead, and what a cursor means that does not list them.
//!
//! Every start of a node is an origin of its own, and a cursor lists each. So that cursors do not
//! grow for ever, an origin leaves the node's vector some hours after its death: later than any
//! cursor that could still name a place before its last message. What it published stays where it
//! is retained, and repairs go on, by a list beside the vector.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidings_wire::{Cursor, OriginTag, cursor::CURSOR_ORIGINS_MAX};

use crate::log::Now;

/// What a peer says that does not know for how long an origin has been dead.
const UNKNOWN: u64 = u64::MAX;

/// For how long an origin is remembered that peers told of and that is not applied yet: longer than any import.
const ON_ITS_WAY_MS: u64 = 60_000;

/// What a peer may claim: a year.
const DEAD_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

/// Origins that are retired and still known: 1 MB of them. The next ones are retired in their place, and what the
/// first ones published is then no more repaired.
const RETIRED_MAX: usize = 65_536;

/// Milliseconds by which a peer must know better to be believed: more than a beat takes.
const ECHO_MS: i64 = 1_000;

/// What a cursor's reader is taken to have of origins that the cursor does not list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Absent {
    /// Origin → up to which stamp a reader has seen it whose cursor does not list it. Of one that is dead for twice as
    /// long as a cursor lasts, that is everything: such a cursor comes from a node that had retired it.
    pub(crate) seen: BTreeMap<OriginTag, u64>,
    /// No more in the vector: origin → the highest stamp applied.
    pub(crate) retired: BTreeMap<OriginTag, u64>,
    /// Alive here, and retired by another node that was cut off for hours: until this second, a cursor that does not list
    /// one may be that node's, or of a node that never heard of it.
    pub(crate) disputed: BTreeMap<OriginTag, u64>,
    /// When an origin was last retired before its time, because there were too many, and a minute for clocks that
    /// differ: a cursor from before that does not list one says nothing of it.
    pub(crate) crowded_s: u64,
    /// Origins that a journal knows, and that died without a word: what they published last may have died with them. Each
    /// with those whose cursors have been told.
    pub(crate) died: BTreeMap<OriginTag, BTreeSet<OriginTag>>,
}

impl Absent {
    /// Whether a cursor is of before a death that its reader was not told of.
    pub(crate) fn is_before_a_death(&self, cursor: &Cursor) -> bool {
        self.died.values().any(|told| !told.iter().any(|origin| cursor.lists(*origin)))
    }

    /// Whether a reader that comes with this cursor has a message: because it is covered, or because its origin had
    /// been dead for hours when the cursor was issued.
    pub(crate) fn covers(&self, cursor: &Cursor, origin: OriginTag, stamp: u64) -> bool {
        let seen = || self.seen.get(&origin).is_some_and(|seen| stamp <= *seen) && !cursor.lists(origin);
        cursor.covers(origin, stamp) || seen()
    }

    /// Whether it cannot be known what a cursor's reader has of some origin.
    pub(crate) fn is_unknown(&self, cursor: &Cursor, now_s: u64) -> bool {
        let crowded = cursor.issued_s() <= self.crowded_s;
        (crowded && self.retired.keys().any(|origin| !cursor.lists(*origin)))
            || self.disputed.iter().any(|(origin, until_s)| now_s <= *until_s && !cursor.lists(*origin))
    }

    /// Whether the node has a message of an origin that is no more in its vector.
    pub(crate) fn has(&self, origin: OriginTag, stamp: u64) -> bool {
        self.retired.get(&origin).is_some_and(|has| *has >= stamp)
    }
}

/// What a reader has that resumes: what its cursor covers, and what such cursors do not list any more.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) cursor: Cursor,
    pub(crate) absent: Arc<Absent>,
}

impl Seen {
    /// Whether the reader has the message with this stamp.
    pub(crate) fn covers(&self, origin: OriginTag, stamp: u64) -> bool {
        self.absent.covers(&self.cursor, origin, stamp)
    }

    /// What a reader of either has for certain.
    pub(crate) fn earliest(&self, other: &Self) -> Self {
        Self { cursor: self.cursor.earliest(&other.cursor), absent: other.absent.clone() }
    }

    /// Whether it has everything up to another cursor.
    pub(crate) fn dominates(&self, other: &Cursor) -> bool {
        other.iter().all(|(origin, stamp)| self.covers(origin, stamp))
    }
}

/// When each origin in the vector was last alive.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    alive: BTreeMap<OriginTag, Alive>,
    absent: Arc<Absent>,
}

/// When an origin was last known to live, and its stamp then: one that goes on publishing lives, though its node is out
/// of reach.
#[derive(Debug, Clone, Copy)]
struct Alive {
    /// May lie before this node's own time: then it is below 0.
    at_ms: i64,
    stamp: u64,
    /// It was never seen alive here: a peer that says for how long it has been dead knows better.
    is_guess: bool,
    /// When a peer last told of it.
    told_ms: u64,
}

impl Alive {
    fn dead_ms(&self, now: Now) -> u64 {
        u64::try_from((now.monotonic_ms as i64).saturating_sub(self.at_ms)).unwrap_or(0)
    }
}

impl Origins {
    pub(crate) fn absent(&self) -> &Arc<Absent> {
        &self.absent
    }

    /// Raises what is applied of a retired origin; says whether it is one.
    pub(crate) fn raise_retired(&mut self, origin: OriginTag, stamp: u64) -> bool {
        let Some(has) = self.absent.retired.get(&origin) else { return false };
        if *has < stamp {
            Arc::make_mut(&mut self.absent).retired.insert(origin, stamp);
        }
        true
    }

    /// A peer does not list this origin, or did not until it came back. Where it is not listed here either, it never
    /// comes into the vector; where it is, and not for being dead as well, its absence from a cursor says nothing.
    pub(crate) fn unlisted_elsewhere(&mut self, origin: OriginTag, is_listed: bool, until_s: u64) {
        // Of one that was never seen alive here, the peer knows better.
        if let Some(alive) = self.alive.get_mut(&origin).filter(|alive| is_listed && alive.is_guess) {
            alive.at_ms = i64::MIN / 2;
            Arc::make_mut(&mut self.absent).seen.insert(origin, u64::MAX);
            return;
        }
        let seen = self.absent.seen.get(&origin) == Some(&u64::MAX);
        let known = if is_listed {
            seen || self.absent.disputed.get(&origin) == Some(&until_s)
        } else {
            self.absent.retired.contains_key(&origin)
        };
        if known {
            return;
        }
        let absent = Arc::make_mut(&mut self.absent);
        if is_listed {
            absent.disputed.insert(origin, until_s);
        } else {
            absent.seen.insert(origin, u64::MAX);
            absent.retired.insert(origin, 0);
        }
    }

    /// Origins that cursors of this node do not list, or did not until lately, with the stamps that they stood at.
    pub(crate) fn unlisted(&self) -> impl Iterator<Item = (OriginTag, u64)> + '_ {
        let returned = self.absent.seen.iter().filter(|(_, stamp)| **stamp < u64::MAX);
        self.absent.retired.iter().chain(returned).map(|(origin, stamp)| (*origin, *stamp))
    }

    /// A peer tells for how long an origin has been dead: not at all, if it is a peer of that one. Returns the stamp of
    /// an origin that was retired here and is listed anew, for it lives.
    pub(crate) fn told(&mut self, now: Now, cursor_age_s: u64, origin: OriginTag, dead_ms: u64) -> Option<u64> {
        if dead_ms == 0 {
            self.lives(origin);
        }
        let at_ms = now.monotonic_ms as i64 - dead_ms.min(DEAD_MS_MAX) as i64;
        let told_ms = now.monotonic_ms;
        let alive = self.alive.entry(origin).or_insert(Alive { at_ms, stamp: 0, is_guess: true, told_ms });
        alive.told_ms = told_ms;
        if dead_ms == UNKNOWN {
            return None;
        }
        // Two that tell each other the same must not make it younger by the time that their beats take.
        if alive.is_guess || alive.at_ms + ECHO_MS < at_ms {
            alive.at_ms = at_ms;
        }
        alive.is_guess = false;
        (dead_ms < 2 * cursor_age_s * 1000).then(|| self.is_back(origin)).flatten()
    }

    /// A journal knows this origin, and not that it left in order; those are the ones whose cursors have been told.
    pub(crate) fn has_died(&mut self, origin: OriginTag, told: BTreeSet<OriginTag>) {
        Arc::make_mut(&mut self.absent).died.insert(origin, told);
    }

    /// It lives.
    fn lives(&mut self, origin: OriginTag) {
        if self.absent.died.contains_key(&origin) {
            Arc::make_mut(&mut self.absent).died.remove(&origin);
        }
    }

    /// A journal brings an origin's messages up to here: that they come is no sign of life.
    pub(crate) fn is_written(&mut self, origin: OriginTag, stamp: u64) {
        if let Some(alive) = self.alive.get_mut(&origin) {
            alive.stamp = alive.stamp.max(stamp);
        }
    }

    /// For how many milliseconds each origin has been dead, as far as this node knows.
    pub(crate) fn dead(&self, now: Now) -> impl Iterator<Item = (OriginTag, u64)> + '_ {
        let dead_ms = move |alive: &Alive| if alive.is_guess { UNKNOWN } else { alive.dead_ms(now) };
        self.alive.iter().map(move |(origin, alive)| (*origin, dead_ms(alive)))
    }

    /// Looks who of the vector is alive; returns those that leave it, each with the stamp that it is retired at.
    pub(crate) fn retire(
        &mut self,
        now: Now,
        cursor_age_s: u64,
        vector: &Cursor,
        is_alive: impl Fn(OriginTag) -> bool,
    ) -> Vec<OriginTag> {
        let now_ms = now.monotonic_ms as i64;
        // What is not listed yet was told of, and is on its way.
        let on_its_way = |alive: &Alive| alive.told_ms + ON_ITS_WAY_MS > now.monotonic_ms;
        self.alive.retain(|origin, alive| vector.lists(*origin) || on_its_way(alive));
        for (origin, stamp) in vector.iter() {
            let is_guess = !is_alive(origin);
            let alive = self.alive.entry(origin).or_insert(Alive { at_ms: now_ms, stamp, is_guess, told_ms: 0 });
            if is_alive(origin) || (alive.stamp < stamp && !alive.is_guess) {
                (alive.at_ms, alive.is_guess) = (now_ms, false);
            }
            alive.stamp = stamp;
        }
        let dead_for = |alive: &Alive| alive.dead_ms(now);
        let (seen_after_ms, retired_after_ms) = (2 * cursor_age_s * 1000, 3 * cursor_age_s * 1000);
        let seen = self.alive.iter().filter(|(_, alive)| dead_for(alive) >= seen_after_ms);
        let seen: Vec<_> = seen.map(|(origin, _)| *origin).collect();
        let mut dead: Vec<_> = self.alive.iter().map(|(origin, alive)| (dead_for(alive), *origin)).collect();
        dead.retain(|(_, origin)| vector.lists(*origin) && !is_alive(*origin));
        dead.sort_unstable_by(|a, b| b.cmp(a));
        let crowd = self.alive.len().saturating_sub(CURSOR_ORIGINS_MAX);
        let leaving =
            dead.iter().enumerate().filter(|(nth, (dead_ms, _))| *dead_ms >= retired_after_ms || *nth < crowd);
        let leaving: Vec<_> = leaving.map(|(_, (dead_ms, origin))| (*dead_ms, *origin)).collect();
        let is_news = seen.iter().any(|origin| self.absent.seen.get(origin) != Some(&u64::MAX));
        if leaving.is_empty() && !is_news {
            return Vec::new();
        }
        let absent = Arc::make_mut(&mut self.absent);
        absent.seen.extend(seen.into_iter().map(|origin| (origin, u64::MAX)));
        for (dead_ms, origin) in &leaving {
            absent.seen.insert(*origin, u64::MAX);
            absent.disputed.remove(origin);
            absent.died.remove(origin);
            absent.retired.insert(*origin, vector.get(*origin));
            if *dead_ms < retired_after_ms {
                absent.crowded_s = now.wall_s() + 60;
            }
            self.alive.remove(origin);
        }
        while absent.retired.len() > RETIRED_MAX {
            absent.retired.pop_first();
        }
        leaving.into_iter().map(|(_, origin)| origin).collect()
    }

    /// A retired origin is alive after all, after hours: it is listed anew, from the stamp that comes back.
    pub(crate) fn is_back(&mut self, origin: OriginTag) -> Option<u64> {
        self.lives(origin);
        let has = *self.absent.retired.get(&origin)?;
        let absent = Arc::make_mut(&mut self.absent);
        absent.retired.remove(&origin);
        absent.seen.insert(origin, has);
        Some(has)
    }
}
