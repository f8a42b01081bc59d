//! What somebody else has written over at the same moment: told to who wrote it first, who can have it back.

use std::collections::BTreeMap;

use leptos::prelude::*;
use tidings_leptos::wire::Version;

use super::desk::{Desk, use_desk};
use crate::board::{Column, Mine, Spot};

/// What this page wrote to a card, with where the card stood then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mines {
    title: Option<(Mine<String>, Spot)>,
    column: Option<(Mine<Column>, Spot)>,
}

/// A field of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Title,
    Column,
}

/// A value of this page that another one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lost {
    pub(super) card: u32,
    field: Field,
    mine: String,
    /// `None` where the card is deleted.
    theirs: Option<String>,
}

impl Mines {
    pub(super) fn wrote_title(&mut self, title: String, spot: Spot) {
        self.title = Some((Mine::new(title), spot));
    }

    pub(super) fn wrote_spot(&mut self, spot: Spot) {
        self.column = Some((Mine::new(spot.column), spot));
    }

    fn forget(&mut self, field: Field) {
        match field {
            Field::Title => self.title = None,
            Field::Column => self.column = None,
        }
    }

    fn is_empty(&self) -> bool {
        self.title.is_none() && self.column.is_none()
    }
}

/// Looks at what becomes of what this page has written.
pub(super) fn watch(desk: Desk) {
    Effect::new(move |_| {
        let before = desk.mine.get();
        let mut after = before.clone();
        after.iter_mut().for_each(|(card, mines)| see(desk, *card, mines));
        after.retain(|_, mines| !mines.is_empty());
        if after != before {
            desk.mine.set(after);
        }
    });
}

fn see(desk: Desk, card: u32, mines: &mut Mines) {
    let (writer, title, column) = (desk.writer(card), desk.title_row(card), desk.column_row(card));
    // Refused: nobody has replaced it, and there is nothing to undo.
    if writer.title.error.with(Option::is_some) && mines.title.take().is_some() {
        desk.undo.update(|undo| undo.forget(|done| done.card == card && !done.is_move()));
    }
    if writer.move_error().is_some() && mines.column.take().is_some() {
        desk.undo.update(|undo| undo.forget(|done| done.card == card && done.is_move()));
    }
    if let Some((mine, _)) = mines.title.as_mut().filter(|_| !writer.title.pending.get()) {
        let (now, version) = (title.as_ref().and_then(|row| row.get()), title.as_ref().and_then(|row| row.version()));
        mine.see(now.as_ref(), ms(version));
        if mine.is_past() {
            mines.title = None;
        }
    }
    // Where the card is gone, the title says so.
    if let Some((mine, _)) = mines.column.as_mut().filter(|_| title.is_some() && !writer.is_moving().get()) {
        let (now, version) = (column.as_ref().and_then(|row| row.get()), column.as_ref().and_then(|row| row.version()));
        mine.see(Some(&now.unwrap_or_default()), ms(version));
        if mine.is_past() {
            mines.column = None;
        }
    }
}

/// When something was published; of a deletion nobody says it, and this browser's clock has to do.
fn ms(version: Option<Version>) -> u64 {
    version.map_or_else(|| web_sys::js_sys::Date::now() as u64, Version::ms)
}

impl Desk {
    /// What was lost. Tracks.
    pub(super) fn lost(self) -> Vec<Lost> {
        let all = self.mine.get();
        all.iter().flat_map(|(card, mines)| self.lost_of(*card, mines)).collect()
    }

    fn lost_of(self, card: u32, mines: &Mines) -> Vec<Lost> {
        let title = mines.title.as_ref().filter(|(mine, _)| mine.is_replaced()).map(|(mine, _)| Lost {
            card,
            field: Field::Title,
            mine: mine.value.clone(),
            theirs: self.title(card),
        });
        let column = mines.column.as_ref().filter(|(mine, _)| mine.is_replaced()).map(|(mine, _)| Lost {
            card,
            field: Field::Column,
            mine: mine.value.title().to_owned(),
            theirs: self.title(card).map(|_| self.spot(card).column.title().to_owned()),
        });
        title.into_iter().chain(column).collect()
    }

    /// Writes what was lost once more, over what replaced it.
    fn restore(self, lost: &Lost) {
        let Some(mines) = self.mine.with_untracked(|all| all.get(&lost.card).cloned()) else { return };
        let (card, is_there) = (lost.card, untrack(|| self.title(lost.card)).is_some());
        match (lost.field, mines) {
            (Field::Title, Mines { title: Some((mine, _)), .. }) if is_there => self.rename(card, mine.value),
            (Field::Title, Mines { title: Some((mine, spot)), .. }) => self.bring_back(card, mine.value, spot),
            (Field::Column, Mines { column: Some((_, spot)), .. }) => {
                let was = untrack(|| self.spot(card));
                self.write_spot(card, spot, &was);
            }
            _ => {}
        }
        self.say(format!("Card {card}: yours is back."));
    }

    fn put_away(self, lost: &Lost) {
        self.mine.update(|all: &mut BTreeMap<u32, Mines>| {
            if let Some(mines) = all.get_mut(&lost.card) {
                mines.forget(lost.field);
            }
        });
    }
}

impl Lost {
    /// For people. Who it was is not known here.
    fn words(&self) -> String {
        let (card, mine) = (self.card, &self.mine);
        match (self.field, &self.theirs) {
            (Field::Title, Some(theirs)) => format!("Someone wrote “{theirs}” over your “{mine}”."),
            (Field::Title, None) => format!("Someone deleted card {card}, which you had just named “{mine}”."),
            (Field::Column, Some(theirs)) => format!("Someone moved it to {theirs}; you had moved it to {mine}."),
            (Field::Column, None) => format!("Someone deleted card {card}, which you had moved to {mine}."),
        }
    }
}

/// Tells what was lost: of one card, or of those that are gone.
#[component]
pub(super) fn Losses(
    /// Without a card: of cards that are gone.
    #[prop(optional)]
    card: Option<u32>,
) -> impl IntoView {
    let desk = use_desk();
    let losses = move || {
        let all = desk.map(Desk::lost).unwrap_or_default();
        all.into_iter()
            .filter(|lost| match card {
                Some(card) => lost.card == card,
                None => lost.theirs.is_none(),
            })
            .collect::<Vec<_>>()
    };
    view! {
        <For each=losses key=Clone::clone let:lost>
            <Loss lost/>
        </For>
    }
}

#[component]
fn Loss(lost: Lost) -> impl IntoView {
    let desk = use_desk();
    let (words, mine) = (lost.words(), lost.mine.clone());
    let lost = StoredValue::new(lost);
    let with = move |act: fn(Desk, &Lost)| {
        if let Some(desk) = desk {
            lost.with_value(|lost| act(desk, lost));
        }
    };
    view! {
        <div class="loss" role="status">
            <p>{words}</p>
            <p class="loss-acts">
                <button
                    class="btn btn-small" type="button" aria-label=format!("Restore mine: {mine}")
                    on:click=move |_| with(Desk::restore)
                >"Restore mine"</button>
                <button class="btn btn-small" data-tone="quiet" type="button" on:click=move |_| with(Desk::put_away)>"Leave it"</button>
            </p>
        </div>
    }
}
