//! Whether a log can go on from a reader's cursor.

use tidings_wire::{Cursor, OriginTag, event::GapCause};

use crate::{
    cluster::Seen,
    log::Place,
    plant::{Plant, planted},
};

/// What a cursor comes to.
#[derive(Debug)]
pub(crate) enum Resume {
    /// The log has all that its reader has seen.
    Here(Seen),
    /// The log has less, and may get it.
    Ahead,
    /// The cause of the gap that its reader has to be told.
    Gap(GapCause),
}

/// Reads a cursor as a client sent it, against a log that stands at `place`; `age_s_max` is for how long one resumes. Of each origin of which it covers more
/// than the log has, `may_come` tells whether that much can still come.
pub(crate) fn resume(
    text: &str,
    place: &Place,
    age_s_max: u64,
    now_s: u64,
    may_come: impl Fn(OriginTag, u64) -> bool,
) -> Resume {
    let Ok(cursor) = text.parse::<Cursor>() else { return Resume::Gap(GapCause::CursorMalformed) };
    if cursor.issued_s().saturating_add(age_s_max) < now_s {
        return Resume::Gap(GapCause::CursorTooOld);
    }
    if place.absent.is_unknown(&cursor, now_s) {
        return Resume::Gap(GapCause::Rewound);
    }
    let has = |origin, stamp| {
        (place.cursor.lists(origin) && place.cursor.covers(origin, stamp)) || place.absent.has(origin, stamp)
    };
    let mut ahead = cursor.iter().filter(|(origin, stamp)| !has(*origin, *stamp)).peekable();
    if ahead.peek().is_none() || planted(Plant::ResumeBeforeCaughtUp) {
        drop(ahead);
        if place.absent.is_before_a_death(&cursor) {
            return Resume::Gap(GapCause::NodeDied);
        }
        return Resume::Here(Seen { cursor, absent: place.absent.clone() });
    }
    if ahead.all(|(origin, stamp)| may_come(origin, stamp)) { Resume::Ahead } else { Resume::Gap(GapCause::Rewound) }
}
