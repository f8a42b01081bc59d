//! Saying something in a room, with the rules of the server.

use std::{
    sync::{LazyLock, Mutex, PoisonError},
    time::Instant,
};

use tidings::{Hub, Snapshot};

use super::{Line, ROOM_CHARS_MAX, is_room_name, pace::Pace};
use crate::{
    guest::Guest,
    topics::{CHAT, MESSAGE_CHARS_MAX, check_line},
};

/// Rooms in which something was said: anybody may begin one, so their number has a bound.
const ROOMS_MAX: usize = 200;

/// How fast guests speak on this node. Locked for one line: its number is the last one's and one more.
static SPEAKING: LazyLock<Mutex<(Pace, Instant)>> = LazyLock::new(|| Mutex::new((Pace::default(), Instant::now())));

/// A guest says something in a room.
///
/// # Errors
/// Which rule it breaks, for the guest.
pub(crate) fn say(hub: &Hub, guest: &Guest, room: &str, text: &str) -> Result<(), String> {
    if !is_room_name(room) {
        return Err(format!("a room's name has 1 to {ROOM_CHARS_MAX} of a-z, 0-9 and -"));
    }
    check_line("message", text, MESSAGE_CHARS_MAX)?;
    let topic = CHAT.at(room);
    let name = topic.name().map_err(|error| error.to_string())?;
    let mut speaking = SPEAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let snapshot = hub.snapshot(name, 1);
    if snapshot.entries.is_empty() && hub.topics_of(&rooms()?).len() >= ROOMS_MAX {
        return Err(format!("there are {ROOMS_MAX} rooms, and no room for one more: say it in another"));
    }
    let now_ms = speaking.1.elapsed().as_millis() as u64;
    speaking.0.take(&guest.id, now_ms).map_err(|wait_ms| {
        let wait_s = wait_ms.div_ceil(1_000);
        format!("that was fast: {} lines at once, then one each second. Try again in {wait_s} s", super::pace::BURST)
    })?;
    let Guest { id, name, colour } = guest.clone();
    let line = Line { guest: id, name, colour, text: text.to_owned(), nth: last(&snapshot) + 1 };
    hub.publish(&topic, &line).map(drop).map_err(|error| error.to_string())
}

fn rooms() -> Result<tidings_wire::Pattern, String> {
    CHAT.family().pattern().cloned().map_err(|error| error.to_string())
}

/// The number of the newest line that is kept.
fn last(snapshot: &Snapshot) -> u64 {
    let newest = snapshot.entries.last().and_then(|entry| entry.payload.as_ref()?.decode::<Line>().ok());
    newest.map_or(0, |line| line.nth)
}

#[cfg(test)]
mod tests {
    use tidings::testing;

    use super::*;

    fn guest(id: &str) -> Guest {
        Guest { id: id.to_owned(), name: "Ann".to_owned(), colour: 2 }
    }

    #[test]
    fn lines_are_counted_and_rules_are_told() {
        let (hub, _) = testing::hub("alpha");
        hub.serve(CHAT);
        say(&hub, &guest("lines"), "lobby", "one").unwrap();
        say(&hub, &guest("lines"), "lobby", "two").unwrap();
        say(&hub, &guest("lines"), "hall", "another room").unwrap();
        let nth = |room: &str| last(&hub.snapshot(CHAT.at(room).name().unwrap(), 1));
        assert_eq!((nth("lobby"), nth("hall"), nth("empty")), (2, 1, 0));
        let refused = |room: &str, text: &str| say(&hub, &guest("lines"), room, text).unwrap_err();
        assert!(refused("No Room", "x").contains("a-z"));
        assert!(refused("lobby", " ").contains("needs some text"));
        assert!(refused("lobby", &"x".repeat(281)).contains("281 characters, at most 280"));
    }

    #[test]
    fn who_is_too_fast_is_told_when_to_try_again() {
        let (hub, _) = testing::hub("alpha");
        hub.serve(CHAT);
        let refused = (0..40).find_map(|_| say(&hub, &guest("fast"), "lobby", "x").err()).unwrap();
        assert!(refused.contains("Try again in 1 s"), "{refused}");
        say(&hub, &guest("slow"), "lobby", "others may").unwrap();
    }

    #[test]
    fn rooms_have_a_bound() {
        let (hub, _) = testing::hub("alpha");
        hub.serve(CHAT);
        for room in 0..ROOMS_MAX {
            say(&hub, &guest(&format!("of {room}")), &format!("r{room}"), "x").unwrap();
        }
        assert!(say(&hub, &guest("late"), "one-more", "x").unwrap_err().contains("no room"));
        say(&hub, &guest("late"), "r7", "there is room here").unwrap();
    }
}
