//! The page view of a board: it holds the patterns of all cards, derives their order from them, and does what is done
//! to cards. It outlives each card's component, which begins anew where a card changes its column.

use std::collections::{BTreeMap, HashMap};

use leptos::{prelude::*, reactive::owner::WeakOwner};
use tidings_leptos::{TopicRow, UseTopics, use_topics, wire::TopicName};

use super::{
    lost::{Mines, watch},
    writer::Writer,
};
use crate::{
    board::{Change, Column, Done, Landing, Order, Place, Spot, Undo},
    topics::{COLUMN, PLACE, TITLE},
};

/// What the components of a board share.
#[derive(Clone, Copy)]
pub(crate) struct Desk {
    pub(super) titles: UseTopics<String>,
    columns: UseTopics<Column>,
    places: UseTopics<Place>,
    /// Which board, and where its cards stand.
    pub(super) order: Memo<(u32, Order)>,
    /// What the titles of the cards that are shown have in them, in lower case; empty shows all.
    pub(super) filter: Signal<String>,
    writers: StoredValue<HashMap<(u32, u32), Writer>>,
    owner: StoredValue<WeakOwner>,
    pub(super) undo: RwSignal<Undo>,
    pub(super) mine: RwSignal<BTreeMap<u32, Mines>>,
    /// Titles that are being written: what was there when it began, and what is written so far.
    pub(super) drafts: RwSignal<HashMap<u32, Draft>>,
    /// The card that is dragged, and where it would be let go.
    pub(super) dragged: RwSignal<Option<u32>>,
    pub(super) landing: RwSignal<Option<Landing>>,
    /// Told to who cannot see it.
    pub(super) said: RwSignal<String>,
    board: Signal<u32>,
}

/// A title that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// What was there when it began.
    pub(super) base: String,
    pub(super) text: String,
}

/// Holds a board's topics, and makes the desk known to the components below.
pub(super) fn provide_desk(board: Signal<u32>, filter: Signal<String>) -> Desk {
    let titles = use_topics(move || TITLE.all(board.get()));
    let columns = use_topics(move || COLUMN.all(board.get()));
    let places = use_topics(move || PLACE.all(board.get()));
    let desk = Desk {
        titles,
        columns,
        places,
        order: Memo::new(move |_| order(&titles.rows.get(), &columns.rows.get(), &places.rows.get())),
        filter,
        writers: StoredValue::new(HashMap::new()),
        owner: StoredValue::new(Owner::current().unwrap_or_default().downgrade()),
        undo: RwSignal::default(),
        mine: RwSignal::default(),
        drafts: RwSignal::default(),
        dragged: RwSignal::new(None),
        landing: RwSignal::new(None),
        said: RwSignal::default(),
        board,
    };
    Effect::new(move |before: Option<u32>| {
        let board = board.get();
        if before.is_some_and(|before| before != board) {
            desk.undo.set(Undo::default());
            desk.mine.set(BTreeMap::new());
            desk.drafts.set(HashMap::new());
            desk.said.set(String::new());
        }
        board
    });
    watch(desk);
    provide_context(desk);
    desk
}

/// The desk of the board that a component is on.
pub(super) fn use_desk() -> Option<Desk> {
    use_context()
}

fn order(titles: &[TopicRow<String>], columns: &[TopicRow<Column>], places: &[TopicRow<Place>]) -> (u32, Order) {
    let columns = by_card(columns, |topic| COLUMN.params(topic));
    let places = by_card(places, |topic| PLACE.params(topic));
    let mut board = 0;
    let cards = titles.iter().filter_map(|row| {
        let (of_board, card) = TITLE.params(row.topic())?;
        board = of_board;
        Some((card, spot_of(card, columns.get(&card).copied(), places.get(&card).copied())))
    });
    let order = Order::of(cards);
    (board, order)
}

/// Where a card stands that has these topics.
fn spot_of(card: u32, column: Option<&TopicRow<Column>>, place: Option<&TopicRow<Place>>) -> Spot {
    Spot {
        column: column.and_then(TopicRow::get).unwrap_or_default(),
        place: place.and_then(TopicRow::get).unwrap_or_else(|| Place::of_new(card)),
    }
}

fn by_card<T>(rows: &[TopicRow<T>], params: fn(&TopicName) -> Option<(u32, u32)>) -> HashMap<u32, &TopicRow<T>>
where
    T: Send + Sync + 'static,
{
    rows.iter().filter_map(|row| Some((params(row.topic())?.1, row))).collect()
}

fn row<T: Send + Sync + 'static>(
    rows: Signal<Vec<TopicRow<T>>>,
    params: fn(&TopicName) -> Option<(u32, u32)>,
    card: u32,
) -> Option<TopicRow<T>> {
    rows.with(|rows| rows.iter().find(|row| params(row.topic()).is_some_and(|(_, of)| of == card)).cloned())
}

impl Desk {
    /// The row of a card's title.
    pub(super) fn title_row(self, card: u32) -> Option<TopicRow<String>> {
        row(self.titles.rows, |topic| TITLE.params(topic), card)
    }

    /// The row of a card's column.
    pub(super) fn column_row(self, card: u32) -> Option<TopicRow<Column>> {
        row(self.columns.rows, |topic| COLUMN.params(topic), card)
    }

    /// A card's title. Tracks.
    pub(super) fn title(self, card: u32) -> Option<String> {
        self.title_row(card)?.get()
    }

    /// Where a card stands, or would. Tracks.
    pub(super) fn spot(self, card: u32) -> Spot {
        let (column, place) = (self.column_row(card), row(self.places.rows, |topic| PLACE.params(topic), card));
        spot_of(card, column.as_ref(), place.as_ref())
    }

    /// Whether the filter shows a card. Tracks.
    pub(super) fn is_shown(self, card: u32) -> bool {
        self.filter.with(|filter| {
            filter.is_empty() || self.title(card).is_some_and(|title| title.to_lowercase().contains(filter))
        })
    }

    /// Writes that are not confirmed, of all cards. Tracks.
    pub(super) fn pending(self) -> usize {
        fn of<T: Send + Sync + 'static>(topics: UseTopics<T>) -> usize {
            topics.rows.get().iter().filter(|row| row.is_pending()).count()
        }
        of(self.titles) + of(self.columns) + of(self.places)
    }

    /// What writes to a card.
    pub(super) fn writer(self, card: u32) -> Writer {
        let key = (self.board.get_untracked(), card);
        if let Some(writer) = self.writers.with_value(|writers| writers.get(&key).copied()) {
            return writer;
        }
        let make = || Writer::new(key.0, card);
        // Not of the component that asks: that may go before what it writes is confirmed.
        let writer = self.owner.with_value(WeakOwner::upgrade).map_or_else(make, |owner| owner.with(make));
        self.writers.update_value(|writers| {
            writers.insert(key, writer);
        });
        writer
    }

    /// Tells it to who cannot see it.
    pub(super) fn say(self, text: impl Into<String>) {
        self.said.set(text.into());
    }

    /// Gives a card another title.
    pub(super) fn rename(self, card: u32, title: String) {
        let Some(was) = untrack(|| self.title(card)).filter(|was| *was != title) else { return };
        self.undo.update(|undo| undo.push(Done { card, change: Change::Renamed { was, now: title.clone() } }));
        self.write_title(card, title);
    }

    /// Moves a card to where it was let go.
    pub(super) fn land(self, card: u32, landing: Landing) {
        let was = untrack(|| self.spot(card));
        match self.order.with_untracked(|(_, order)| order.spot(card, landing)) {
            Ok(Some(now)) => {
                self.undo.update(|undo| {
                    undo.push(Done { card, change: Change::Moved { was: was.clone(), now: now.clone() } });
                });
                self.write_spot(card, now, &was);
                self.say_where(card);
            }
            Ok(None) => {}
            Err(why) => self.say(format!("Card {card} was not moved: {why}.")),
        }
    }

    fn say_where(self, card: u32) {
        if let Some((column, at, of)) = self.order.with_untracked(|(_, order)| order.find(card)) {
            self.say(format!("Card {card}: {}, {at} of {of}.", column.title()));
        }
    }

    /// Deletes a card.
    pub(super) fn delete(self, card: u32) {
        let Some(title) = untrack(|| self.title(card)) else { return };
        let spot = untrack(|| self.spot(card));
        self.mine.update(|mine| drop(mine.remove(&card)));
        self.writer(card).clear(format!("Card {card} was deleted: {title}"));
        self.say(format!("Card {card} is deleted. Undo brings it back."));
        self.undo.update(|undo| undo.push(Done { card, change: Change::Deleted { title, spot } }));
    }

    /// Undoes what this page has done last, unless somebody has changed it since.
    pub(super) fn undo(self) {
        let Some(done) = self.undo.try_update(Undo::pop).flatten() else {
            return self.say("There is nothing to undo.");
        };
        let Done { card, change } = &done;
        let (card, spot) = (*card, untrack(|| self.spot(done.card)));
        if !done.stands(untrack(|| self.title(card)).as_deref(), &spot) {
            return self.say(format!("Somebody has changed card {card} since: {} is not undone.", done.words()));
        }
        match change {
            Change::Renamed { was, .. } => self.write_title(card, was.clone()),
            Change::Moved { was, .. } => self.write_spot(card, was.clone(), &spot),
            Change::Deleted { title, spot } => self.bring_back(card, title.clone(), spot.clone()),
        }
        self.say(format!("Undone: {}.", done.words()));
    }

    /// Writes all fields of a card that is gone.
    pub(super) fn bring_back(self, card: u32, title: String, spot: Spot) {
        let writer = self.writer(card);
        writer.write_spot(spot, None, None);
        let note = format!("Card {card} is back: {title}");
        writer.write_title(title, note);
    }

    pub(super) fn write_title(self, card: u32, title: String) {
        let spot = untrack(|| self.spot(card));
        self.mine.update(|mine| mine.entry(card).or_default().wrote_title(title.clone(), spot));
        let note = format!("Card {card} is now: {title}");
        self.writer(card).write_title(title, note);
    }

    pub(super) fn write_spot(self, card: u32, spot: Spot, was: &Spot) {
        // Its place in a column is nothing that anybody misses.
        if spot.column != was.column {
            self.mine.update(|mine| mine.entry(card).or_default().wrote_spot(spot.clone()));
        }
        let note =
            (spot.column != was.column).then(|| format!("Card {card} is in another column: {}", spot.column.title()));
        self.writer(card).write_spot(spot, Some(was.column), note);
    }
}
