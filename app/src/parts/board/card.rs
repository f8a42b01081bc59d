//! A card: a component that holds its own topics, one a field, and shows how each of them is doing.

use leptos::prelude::*;
use tidings_leptos::{
    TopicStatus, UsePublish, UseTopic, UseTopicOptions, use_publish, use_topic, use_topic_with_options,
};

use super::{desk::use_desk, focus, grip::Grip, lost::Losses, present::CardEditors, title::Title};
use crate::topics::{COLUMN, PICKED, PLACE, TITLE};

/// One card of a board. What it says beside its title stands in its own parts: another one is another line here.
#[component]
pub(super) fn Card(board: u32, card: u32) -> impl IntoView {
    let UseTopic { value, status, pending: unconfirmed, .. } = use_topic(TITLE.at(board, card));
    let UseTopic { pending: column_unconfirmed, .. } = use_topic(COLUMN.at(board, card));
    let UseTopic { pending: place_unconfirmed, .. } = use_topic(PLACE.at(board, card));
    let desk = use_desk()?;
    let writer = desk.writer(card);
    let is_pending = move || unconfirmed.get() || column_unconfirmed.get() || place_unconfirmed.get();
    let word = move || match (writer.is_retrying(), is_pending(), status.get()) {
        (true, ..) => "not reached, trying again",
        (_, true, _) => "saving",
        (_, _, TopicStatus::Incompatible) => "reload to read it",
        _ => "",
    };
    let error = move || match (writer.title.error.get(), writer.move_error()) {
        (Some(error), _) => Some(format!("Not saved: {error}.")),
        (None, Some(error)) => Some(format!("Not moved: {error}.")),
        (None, None) => None,
    };
    let is_landing = move || desk.landing.get().is_some_and(|landing| landing.before == Some(card));
    Some(view! {
        <li
            class="card" data-card=card data-status=move || status.get().as_str()
            data-pending=move || is_pending().then_some("")
            data-dragged=move || (desk.dragged.get() == Some(card)).then_some("")
            data-drop=move || is_landing().then_some("before")
        >
            <Pick board card/>
            <Title card value/>
            <Grip card/>
            <p class="card-state">{word}</p>
            <Acts card/>
            <CardEditors card/>
            <p class="field-error card-error" role="alert">{error}</p>
            <Losses card/>
        </li>
    })
}

/// What can be done with a card without its grip.
#[component]
fn Acts(card: u32) -> impl IntoView {
    let desk = use_desk();
    let is_edited = move || desk.is_some_and(|desk| desk.drafts.with(|drafts| drafts.contains_key(&card)));
    view! {
        <p class="card-acts needs-script">
            <button
                class="btn btn-small" data-tone="quiet" type="button" id=format!("card-{card}-rename")
                aria-label=format!("Rename card {card}") disabled=is_edited
                on:click=move |_| if let Some(desk) = desk { desk.edit(card) }
            >"Rename"</button>
            <button
                class="btn btn-small" data-tone="quiet" type="button" id=format!("card-{card}-delete")
                aria-label=format!("Delete card {card}")
                on:click=move |_| if let Some(desk) = desk { desk.delete_here(card, "delete") }
            >"Delete"</button>
        </p>
    }
}

/// Picks the card: the panel beside hears of it, and all other cards do. Pressed again, nothing is picked.
#[component]
fn Pick(board: u32, card: u32) -> impl IntoView {
    let UsePublish { publish, clear, .. } = use_publish(PICKED.at(board));
    let UseTopic { value, .. } = use_topic_with_options(PICKED.at(board), UseTopicOptions::default().initial(0));
    let is_picked = move || value.get() == Some(card);
    view! {
        <button
            class="card-number num" type="button" id=format!("card-{card}-pick") aria-label=format!("Pick card {card}")
            aria-pressed=move || if is_picked() { "true" } else { "false" }
            on:click=move |_| if untrack(is_picked) { clear.run(()) } else { publish.run(card) }
        >{card}</button>
    }
}

impl super::Desk {
    /// Deletes a card, and gives the focus to the same control of the card that takes its place.
    pub(super) fn delete_here(self, card: u32, control: &str) {
        let next = self.order.with_untracked(|(_, order)| {
            let (column, at, _) = order.find(card)?;
            let shown = order.cards(column).filter(|other| *other == card || untrack(|| self.is_shown(*other)));
            let shown: Vec<_> = shown.collect();
            let here = shown.iter().position(|other| *other == card).unwrap_or(at - 1);
            shown.get(here + 1).or_else(|| shown.get(here.checked_sub(1)?)).copied()
        });
        self.delete(card);
        focus::give(next.map_or_else(|| "board-undo".to_owned(), |next| format!("card-{next}-{control}")));
    }
}
