//! Writing to a card: for as long as the page shows the board, wherever the card goes meanwhile.

use leptos::prelude::*;
use tidings_leptos::{PublishError, UsePublish, use_publish};

use crate::{
    board::{Column, Place, Spot},
    topics::{ACTIVITY, COLUMN, Message, PLACE, TITLE},
};

/// Writes to one card's topics, and writes down what has come of it.
#[derive(Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) title: UsePublish<String>,
    column: UsePublish<Column>,
    place: UsePublish<Place>,
    /// What is written down once the title is so, and once the place is: of several writes, the last one's.
    note_of_title: StoredValue<Option<String>>,
    note_of_spot: StoredValue<Option<String>>,
}

impl Writer {
    pub(super) fn new(board: u32, card: u32) -> Self {
        let writer = Self {
            title: use_publish(TITLE.at(board, card)),
            column: use_publish(COLUMN.at(board, card)),
            place: use_publish(PLACE.at(board, card)),
            note_of_title: StoredValue::new(None),
            note_of_spot: StoredValue::new(None),
        };
        let UsePublish { publish: note, .. } = use_publish(ACTIVITY.at(board));
        let (title, of_title) = (writer.title, writer.note_of_title);
        settle(title.pending, move || title.error.with(Option::is_some), of_title, note);
        settle(writer.is_moving(), move || writer.move_error().is_some(), writer.note_of_spot, note);
        writer
    }

    pub(super) fn write_title(self, title: String, note: String) {
        self.note_of_title.set_value(Some(note));
        self.title.publish.run(title);
    }

    /// Writes where the card stands: its column only where that changes.
    pub(super) fn write_spot(self, spot: Spot, was: Option<Column>, note: Option<String>) {
        self.note_of_spot.set_value(note);
        if was != Some(spot.column) {
            self.column.publish.run(spot.column);
        }
        self.place.publish.run(spot.place);
    }

    /// Clears all fields.
    pub(super) fn clear(self, note: String) {
        self.note_of_title.set_value(Some(note));
        self.title.clear.run(());
        self.column.clear.run(());
        self.place.clear.run(());
    }

    /// A move is not confirmed yet.
    pub(super) fn is_moving(self) -> Signal<bool> {
        Signal::derive(move || self.column.pending.get() || self.place.pending.get())
    }

    /// Something is sent again.
    pub(super) fn is_retrying(self) -> bool {
        self.title.retrying.get() || self.column.retrying.get() || self.place.retrying.get()
    }

    /// Why the last move failed.
    pub(super) fn move_error(self) -> Option<String> {
        self.column.error.with(message).or_else(|| self.place.error.with(message))
    }
}

fn message<T>(error: &Option<PublishError<T>>) -> Option<String> {
    error.as_ref().map(|error| error.message.clone())
}

/// Writes down what was done once it is so, and not before; what was refused is not.
fn settle(
    pending: Signal<bool>,
    is_refused: impl Fn() -> bool + Send + Sync + 'static,
    what: StoredValue<Option<String>>,
    note: Callback<Message>,
) {
    Effect::new(move |was: Option<bool>| {
        let is = pending.get();
        if was == Some(true)
            && !is
            && let Some(text) = what.try_update_value(Option::take).flatten()
            && !untrack(&is_refused)
        {
            note.run(Message { text });
        }
        is
    });
}
