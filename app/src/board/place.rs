//! Where a card stands in its column: a text that sorts, with room between any two.
//!
//! A place is a fraction: digits of base 62 (`0-9`, `A-Z`, `a-z`, the order of their bytes) after a point that is not
//! written, compared as texts. Between any two fractions there is another one, so a card goes between two others by a
//! place of its own, and no other card is written. This is what is known as fractional indexing. Two things are added to
//! it:
//! - A place ends with two digits that stand for its card. Two people who put two cards between the same two others at
//!   the same moment find the same fraction, and would have no room between them ever after; so the places differ.
//! - A card that goes to an end of a column takes the next whole number of the first three digits, instead of half of
//!   what is left: a column grows at its end without longer places.
//!
//! Between the same two neighbours, again and again, a place grows by a digit every six times.

use serde::{Deserialize, Serialize};

/// Most digits of a place: some three hundred cards put between the same two, each next to the last one. Whoever comes
/// after that has to move one of the two first.
pub const PLACE_CHARS_MAX: usize = 64;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const BASE: u32 = 62;

/// Digits that are counted up and down at the ends of a column: 238,328 cards.
const HEAD: usize = 3;

/// A card's place in its column.
///
/// ```
/// use app::board::Place;
/// let (first, second) = (Place::of_new(1), Place::of_new(2));
/// let between = Place::between(Some(&first), Some(&second), 3).unwrap();
/// assert!(first < between && between < second);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Place(String);

impl Place {
    /// The place of a card that nobody has moved: new cards stand in the order of their numbers.
    #[must_use]
    pub fn of_new(card: u32) -> Self {
        Self::made(&[BASE / 2, 0, 0], card)
    }

    /// A place for a card after one and before another; without them, at the end or the beginning of a column. `None`
    /// where there is no room: the two are the wrong way round, or the place would have more than [`PLACE_CHARS_MAX`]
    /// digits.
    #[must_use]
    pub fn between(after: Option<&Self>, before: Option<&Self>, card: u32) -> Option<Self> {
        let (after, before) = (after.map(Self::digits), before.map(Self::digits));
        let digits = match (after, before) {
            (None, None) => return Some(Self::of_new(card)),
            (Some(after), None) => next(&after).or_else(|| middle(&after, None))?,
            (None, Some(before)) => last(&before).or_else(|| middle(&[], Some(&before)))?,
            (Some(after), Some(before)) if after < before => middle(&after, Some(&before))?,
            _ => return None,
        };
        let place = Self::made(&digits, card);
        (place.0.len() <= PLACE_CHARS_MAX).then_some(place)
    }

    fn digits(&self) -> Vec<u32> {
        let digit = |byte| DIGITS.iter().position(|digit| *digit == byte).map_or(0, |at| at as u32);
        self.0.bytes().map(digit).collect()
    }

    /// The digits, and those of the card. The last one is never the lowest, below which there would be no room.
    fn made(digits: &[u32], card: u32) -> Self {
        let of_card = [(card / (BASE - 1)).min(BASE - 1), 1 + card % (BASE - 1)];
        Self(digits.iter().chain(&of_card).map(|digit| char::from(DIGITS[*digit as usize])).collect())
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > PLACE_CHARS_MAX {
            Err(format!("a place has 1 to {PLACE_CHARS_MAX} digits"))
        } else if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Err("a place has digits of 0-9, A-Z and a-z only".to_owned())
        } else if text.ends_with('0') {
            Err("a place does not end with 0: there is no room before it".to_owned())
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.0
    }
}

/// The next whole number, where there is one.
fn next(after: &[u32]) -> Option<Vec<u32>> {
    counted(head(after) + 1)
}

/// The whole number before, where there is one.
fn last(before: &[u32]) -> Option<Vec<u32>> {
    counted(head(before).checked_sub(1)?)
}

fn head(digits: &[u32]) -> u32 {
    (0..HEAD).fold(0, |number, at| number * BASE + digits.get(at).copied().unwrap_or(0))
}

fn counted(number: u32) -> Option<Vec<u32>> {
    let digits = [number / (BASE * BASE), number / BASE % BASE, number % BASE];
    (digits[0] < BASE).then(|| digits.to_vec())
}

/// Digits in the middle of two, whatever digits follow them: they are no beginning of `before`.
fn middle(after: &[u32], before: Option<&[u32]>) -> Option<Vec<u32>> {
    let mut digits = Vec::new();
    // While all digits are those of `before`, the next one has to stay at or below its own.
    let mut bound = before;
    for at in 0..PLACE_CHARS_MAX {
        let low = after.get(at).copied().unwrap_or(0);
        let high = match bound {
            Some(before) => *before.get(at)?,
            None => BASE,
        };
        if high > low + 1 {
            digits.push(u32::midpoint(low, high));
            return Some(digits);
        }
        if high > low {
            bound = None;
        }
        digits.push(low);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::try_from(text.to_owned()).unwrap()
    }

    /// Numbers that look random, the same in each run.
    fn numbers() -> impl FnMut(usize) -> usize {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        }
    }

    #[test]
    fn new_cards_stand_in_the_order_of_their_numbers() {
        let places: Vec<_> = (1..=crate::topics::CARDS_MAX).map(Place::of_new).collect();
        assert!(places.is_sorted_by(|a, b| a < b));
        assert!(places.iter().all(|place| place.0.len() == HEAD + 2));
    }

    #[test]
    fn between_any_two_there_is_room() {
        let mut random = numbers();
        let mut places: Vec<Place> = vec![Place::of_new(1)];
        for round in 0..5_000 {
            let at = random(places.len() + 1);
            let (after, before) = (at.checked_sub(1).map(|at| &places[at]), places.get(at));
            let card = 1 + random(500) as u32;
            let place = Place::between(after, before, card).unwrap();
            assert!(after.is_none_or(|after| *after < place), "{round}: {after:?} {place:?}");
            assert!(before.is_none_or(|before| place < *before), "{round}: {place:?} {before:?}");
            assert_eq!(Place::try_from(place.0.clone()), Ok(place.clone()), "what is made is valid");
            places.insert(at, place);
        }
        assert!(places.is_sorted_by(|a, b| a < b));
        let longest = places.iter().map(|place| place.0.len()).max().unwrap();
        assert!(longest <= 24, "{longest}");
    }

    #[test]
    fn two_who_put_two_cards_at_one_spot_leave_room_between_them() {
        let (first, second) = (Place::of_new(1), Place::of_new(2));
        let mine = Place::between(Some(&first), Some(&second), 7).unwrap();
        let theirs = Place::between(Some(&first), Some(&second), 8).unwrap();
        assert!(mine < theirs);
        let between = Place::between(Some(&mine), Some(&theirs), 9).unwrap();
        assert!(mine < between && between < theirs);
    }

    #[test]
    fn a_column_grows_at_its_ends_without_longer_places() {
        let (mut top, mut end) = (Place::of_new(1), Place::of_new(1));
        for card in 1..=10_000 {
            let (above, below) = (
                Place::between(None, Some(&top), card % 500).unwrap(),
                Place::between(Some(&end), None, card % 500).unwrap(),
            );
            assert!(above < top && end < below);
            (top, end) = (above, below);
        }
        assert_eq!((top.0.len(), end.0.len()), (HEAD + 2, HEAD + 2));
    }

    #[test]
    fn at_the_very_ends_there_is_room_too() {
        for (after, before) in
            [(Some("zzzz"), None), (None, Some("001")), (Some("zzz"), Some("zzz01")), (Some("V"), Some("V01"))]
        {
            let (after, before) = (after.map(place), before.map(place));
            let made = Place::between(after.as_ref(), before.as_ref(), 500).unwrap();
            assert!(after.is_none_or(|after| after < made) && before.is_none_or(|before| made < before), "{made:?}");
        }
    }

    #[test]
    fn a_spot_that_is_full_has_no_room() {
        let (first, mut second) = (Place::of_new(1), Place::of_new(2));
        let mut put = 0;
        while let Some(place) = Place::between(Some(&first), Some(&second), 3) {
            assert!(first < place && place < second);
            (second, put) = (place, put + 1);
        }
        assert!(put >= 250, "{put}");
        assert_eq!(Place::between(Some(&second), Some(&first), 3), None, "the wrong way round");
        assert_eq!(Place::between(Some(&first), Some(&first), 3), None, "the same twice");
    }

    #[test]
    fn places_from_outside_are_checked() {
        for wrong in ["", "V0", "V-1", "é", &"V".repeat(PLACE_CHARS_MAX + 1)] {
            assert!(serde_json::from_value::<Place>(wrong.into()).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Place>("\"V01\"").unwrap(), place("V01"));
        assert_eq!(serde_json::to_string(&place("V01")).unwrap(), "\"V01\"");
    }
}
