//! What this page has done to a board, and how it is undone.

use std::collections::VecDeque;

use super::Spot;

/// Steps that can be undone: more than anybody remembers.
const STEPS_MAX: usize = 50;

/// Something that was done to a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) card: u32,
    pub(crate) change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Renamed { was: String, now: String },
    Moved { was: Spot, now: Spot },
    Deleted { title: String, spot: Spot },
}

impl Done {
    /// For people: what would be undone.
    pub(crate) fn words(&self) -> String {
        let card = self.card;
        match &self.change {
            Change::Renamed { was, .. } => format!("the new title of card {card}, “{was}” before"),
            Change::Moved { was, .. } => format!("the move of card {card}, from {}", was.column.title()),
            Change::Deleted { title, .. } => format!("the deletion of card {card}, “{title}”"),
        }
    }

    /// A move, and no change of the title.
    pub(crate) fn is_move(&self) -> bool {
        matches!(self.change, Change::Moved { .. })
    }

    /// Whether the card is still as this step has left it. Otherwise somebody has changed it since, and to undo the step
    /// would undo theirs.
    pub(crate) fn stands(&self, title: Option<&str>, spot: &Spot) -> bool {
        match &self.change {
            Change::Renamed { now, .. } => title == Some(now),
            Change::Moved { now, .. } => title.is_some() && spot == now,
            Change::Deleted { .. } => title.is_none(),
        }
    }
}

/// What can be undone, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Undo(VecDeque<Done>);

impl Undo {
    pub(crate) fn push(&mut self, done: Done) {
        self.0.push_back(done);
        if self.0.len() > STEPS_MAX {
            self.0.pop_front();
        }
    }

    pub(crate) fn last(&self) -> Option<&Done> {
        self.0.back()
    }

    pub(crate) fn pop(&mut self) -> Option<Done> {
        self.0.pop_back()
    }

    /// The server has refused what was done to a card: there is nothing to undo of it.
    pub(crate) fn forget(&mut self, refused: impl Fn(&Done) -> bool) {
        if let Some(at) = self.0.iter().rposition(refused) {
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Column, Place};

    fn spot(column: Column) -> Spot {
        Spot { column, place: Place::of_new(1) }
    }

    #[test]
    fn a_step_stands_until_somebody_else_has_changed_what_it_changed() {
        let (todo, done) = (spot(Column::Todo), spot(Column::Done));
        let step = |change| Done { card: 1, change };
        let renamed = step(Change::Renamed { was: "a".to_owned(), now: "b".to_owned() });
        assert!(renamed.stands(Some("b"), &todo) && renamed.stands(Some("b"), &done), "a move is another field");
        assert!(!renamed.stands(Some("c"), &todo) && !renamed.stands(None, &todo));
        let moved = step(Change::Moved { was: todo.clone(), now: done.clone() });
        assert!(moved.stands(Some("a"), &done) && moved.stands(Some("b"), &done), "a title is another field");
        assert!(!moved.stands(Some("a"), &todo) && !moved.stands(None, &done));
        let deleted = step(Change::Deleted { title: "a".to_owned(), spot: todo.clone() });
        assert!(deleted.stands(None, &todo) && !deleted.stands(Some("a"), &todo));
    }

    #[test]
    fn steps_are_undone_from_the_last_one_and_have_a_bound() {
        let mut undo = Undo::default();
        for card in 1..=60 {
            undo.push(Done { card, change: Change::Deleted { title: String::new(), spot: spot(Column::Todo) } });
        }
        undo.forget(|done| done.card == 59);
        let cards: Vec<_> = std::iter::from_fn(|| undo.pop()).map(|done| done.card).collect();
        assert_eq!((cards.len(), &cards[..3], cards.last()), (STEPS_MAX - 1, &[60, 58, 57][..], Some(&11)));
        assert_eq!(undo.last(), None);
    }
}
