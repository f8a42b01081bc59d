//! Which card stands where, and where a move leads.

use super::{Column, Place};

/// Where a card stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) column: Column,
    pub(crate) place: Place,
}

/// The cards of each column, from above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Order {
    columns: [Vec<(Place, u32)>; Column::ALL.len()],
}

/// A step of a card, by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Up,
    Down,
    Left,
    Right,
}

impl Step {
    /// What a key means.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        match key {
            "ArrowUp" => Some(Self::Up),
            "ArrowDown" => Some(Self::Down),
            "ArrowLeft" => Some(Self::Left),
            "ArrowRight" => Some(Self::Right),
            _ => None,
        }
    }
}

/// Where a card is let go: before another one, or at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) column: Column,
    pub(crate) before: Option<u32>,
}

impl Order {
    pub(crate) fn of(cards: impl Iterator<Item = (u32, Spot)>) -> Self {
        let mut order = Self::default();
        for (card, spot) in cards {
            order.columns[spot.column.at()].push((spot.place, card));
        }
        order.columns.iter_mut().for_each(|column| column.sort());
        order
    }

    /// A column's cards.
    pub(crate) fn cards(&self, column: Column) -> impl Iterator<Item = u32> + '_ {
        self.columns[column.at()].iter().map(|(_, card)| *card)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.columns.iter().all(Vec::is_empty)
    }

    /// How many cards there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    /// Where a card stands: its column, its number there from 1, and of how many.
    pub(crate) fn find(&self, card: u32) -> Option<(Column, usize, usize)> {
        Column::ALL.into_iter().find_map(|column| {
            let at = self.cards(column).position(|other| other == card)?;
            Some((column, at + 1, self.columns[column.at()].len()))
        })
    }

    /// Where a step leads among the cards that are shown; `None` at the edge of the board.
    pub(crate) fn step(&self, card: u32, step: Step, is_shown: impl Fn(u32) -> bool) -> Option<Landing> {
        let (column, ..) = self.find(card)?;
        let shown = |column| self.cards(column).filter(|other| *other == card || is_shown(*other)).collect::<Vec<_>>();
        let here = shown(column);
        let at = here.iter().position(|other| *other == card)?;
        let aside = |column: Column| Some(Landing { column, before: shown(column).get(at).copied() });
        match step {
            Step::Up => Some(Landing { column, before: Some(here[at.checked_sub(1)?]) }),
            // After the next one that is shown, and before what follows it, shown or not.
            Step::Down => Some(Landing { column, before: self.after(column, *here.get(at + 1)?) }),
            Step::Left => aside(*Column::ALL.get(column.at().checked_sub(1)?)?),
            Step::Right => aside(*Column::ALL.get(column.at() + 1)?),
        }
    }

    fn after(&self, column: Column, card: u32) -> Option<u32> {
        self.cards(column).skip_while(|other| *other != card).nth(1)
    }

    /// The spot of a card that is let go there: `Ok(None)` where it stands there already.
    ///
    /// # Errors
    /// There is no room; what has to be done is for the visitor.
    pub(crate) fn spot(&self, card: u32, landing: Landing) -> Result<Option<Spot>, String> {
        let Landing { column, before } = landing;
        let before = before.filter(|before| *before != card).or_else(|| self.after(column, before?));
        if let Some((here, ..)) = self.find(card)
            && here == column
            && self.after(column, card) == before
        {
            return Ok(None);
        }
        let others: Vec<_> = self.columns[column.at()].iter().filter(|(_, other)| *other != card).collect();
        // One that has gone meanwhile: the end.
        let at = others.iter().position(|(_, other)| Some(*other) == before).unwrap_or(others.len());
        let above = at.checked_sub(1).map(|at| &others[at].0);
        let below = others.get(at).map(|(place, _)| place);
        let place = Place::between(above, below, card)
            .ok_or_else(|| "there is no room between these two any more: move one of them first".to_owned())?;
        Ok(Some(Spot { column, place }))
    }
}

/// Something's edges on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Rect {
    /// How far a point is from it; 0 inside.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = ((self.left - x).max(x - self.right).max(0.0), (self.top - y).max(y - self.bottom).max(0.0));
        dx.hypot(dy)
    }
}

/// A column on the screen, with the cards in it.
pub(crate) type Lane = (Column, Rect, Vec<(u32, Rect)>);

/// Where a card is let go at a point, given the columns with the cards in them that are shown, without the card itself:
/// in the nearest column, before the first card whose middle is below the point.
pub(crate) fn landing_at(columns: &[Lane], x: f64, y: f64) -> Option<Landing> {
    let nearest = columns.iter().min_by(|(_, a, _), (_, b, _)| a.distance(x, y).total_cmp(&b.distance(x, y)));
    let (column, _, cards) = nearest?;
    let before = cards.iter().find(|(_, rect)| y < f64::midpoint(rect.top, rect.bottom)).map(|(card, _)| *card);
    Some(Landing { column: *column, before })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(column: Column, card: u32) -> Spot {
        Spot { column, place: Place::of_new(card) }
    }

    /// 1 2 3 | 4 | nothing
    fn order() -> Order {
        let todo = [3, 1, 2].map(|card| (card, spot(Column::Todo, card)));
        Order::of(todo.into_iter().chain([(4, spot(Column::Doing, 4))]))
    }

    fn cards(order: &Order, column: Column) -> Vec<u32> {
        order.cards(column).collect()
    }

    /// The order after a move.
    fn moved(order: &Order, card: u32, landing: Landing) -> Order {
        let spot = order.spot(card, landing).unwrap().expect("it moves");
        let others = Column::ALL.into_iter().flat_map(|column| {
            let here = order.columns[column.at()].iter().filter(move |(_, other)| *other != card);
            here.map(move |(place, other)| (*other, Spot { column, place: place.clone() }))
        });
        Order::of(others.chain([(card, spot)]))
    }

    #[test]
    fn steps_lead_past_the_next_card_and_to_the_next_column() {
        let order = order();
        assert_eq!(cards(&order, Column::Todo), [1, 2, 3]);
        let step = |card, step| order.step(card, step, |_| true);
        assert_eq!((step(1, Step::Up), step(3, Step::Down), step(1, Step::Left)), (None, None, None));
        let after = |card, by| moved(&order, card, step(card, by).unwrap());
        assert_eq!(cards(&after(2, Step::Up), Column::Todo), [2, 1, 3]);
        assert_eq!(cards(&after(1, Step::Down), Column::Todo), [2, 1, 3]);
        assert_eq!(cards(&after(2, Step::Down), Column::Todo), [1, 3, 2]);
        assert_eq!(cards(&after(1, Step::Right), Column::Doing), [1, 4]);
        assert_eq!(cards(&after(2, Step::Right), Column::Doing), [4, 2]);
        assert_eq!(cards(&after(4, Step::Left), Column::Todo), [4, 1, 2, 3]);
        assert_eq!(after(4, Step::Right).find(4), Some((Column::Done, 1, 1)));
        assert_eq!(order.step(9, Step::Up, |_| true), None, "a card that has gone");
    }

    #[test]
    fn a_step_passes_the_next_card_that_is_shown() {
        let order = order();
        let without_two = |card| card != 2;
        let down = order.step(1, Step::Down, without_two).unwrap();
        assert_eq!(cards(&moved(&order, 1, down), Column::Todo), [2, 3, 1]);
        let up = order.step(3, Step::Up, without_two).unwrap();
        assert_eq!(cards(&moved(&order, 3, up), Column::Todo), [3, 1, 2]);
    }

    #[test]
    fn a_card_that_is_let_go_where_it_stands_does_not_move() {
        let order = order();
        for before in [Some(2), Some(3)] {
            assert_eq!(order.spot(2, Landing { column: Column::Todo, before }), Ok(None), "{before:?}");
        }
        assert_eq!(order.spot(3, Landing { column: Column::Todo, before: None }), Ok(None));
        let gone = order.spot(1, Landing { column: Column::Todo, before: Some(99) }).unwrap().unwrap();
        assert!(gone.place > Place::of_new(3), "before one that has gone: at the end");
    }

    #[test]
    fn a_card_is_let_go_in_the_nearest_column() {
        let rect = |left: f64, top: f64, bottom: f64| Rect { left, top, right: left + 100.0, bottom };
        let columns = vec![
            (Column::Todo, rect(0.0, 0.0, 300.0), vec![(1, rect(0.0, 0.0, 100.0)), (2, rect(0.0, 100.0, 200.0))]),
            (Column::Doing, rect(120.0, 0.0, 300.0), vec![]),
        ];
        let at = |x, y| landing_at(&columns, x, y).map(|landing| (landing.column, landing.before));
        assert_eq!(at(50.0, 49.0), Some((Column::Todo, Some(1))));
        assert_eq!(at(50.0, 51.0), Some((Column::Todo, Some(2))));
        assert_eq!(at(50.0, 151.0), Some((Column::Todo, None)));
        assert_eq!(at(115.0, 20.0), Some((Column::Doing, None)));
        assert_eq!(at(-900.0, 900.0), Some((Column::Todo, None)), "far outside");
        assert_eq!(landing_at(&[], 0.0, 0.0), None);
    }
}
