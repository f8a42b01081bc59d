//! Whether a log can go on from a reader's cursor.

use tidings_wire::{Cursor, event::GapCause};

use crate::log::Place;

/// Seconds for which a cursor resumes. What is kept of cleared topics lasts longer.
pub const CURSOR_AGE_S_MAX: u64 = 60 * 60;

/// Reads a cursor as a client sent it, against a log that stands at `place`.
///
/// # Errors
/// The cause of the gap that its reader has to be told.
pub(crate) fn resume(text: &str, place: &Place, now_s: u64) -> Result<Cursor, GapCause> {
    let cursor: Cursor = text.parse().map_err(|_| GapCause::CursorMalformed)?;
    // Origins or stamps that this log has never seen. A node alone will never see them either.
    if cursor.iter().any(|(origin, stamp)| !place.cursor.lists(origin) || !place.cursor.covers(origin, stamp)) {
        return Err(GapCause::Rewound);
    }
    if cursor.issued_s() + CURSOR_AGE_S_MAX < now_s {
        return Err(GapCause::CursorTooOld);
    }
    Ok(cursor)
}
