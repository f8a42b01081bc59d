//! A card: a component with a topic of its own, which it shows and writes.

use leptos::{ev, html::Input, prelude::*};
use tidings_leptos::{
    TopicStatus, UsePublish, UseTopic, UseTopicOptions, use_publish, use_topic, use_topic_with_options,
};

use crate::topics::{ACTIVITY, Message, PICKED, TITLE};

/// One card of a board.
#[component]
pub(crate) fn Card(board: u32, card: u32) -> impl IntoView {
    let UseTopic { value, status, pending: unconfirmed, .. } = use_topic(TITLE.at(board, card));
    let UsePublish { publish, pending, retrying, error } = use_publish(TITLE.at(board, card));
    let UsePublish { publish: note, .. } = use_publish(ACTIVITY.at(board));
    let editing = RwSignal::new(false);
    let drawn = StoredValue::new(0_u32);
    Effect::new(move |was: Option<bool>| {
        let is = pending.get();
        // Written down once it is so, and not before.
        if was == Some(true) && !is && error.with_untracked(Option::is_none) {
            let title = value.get_untracked().unwrap_or_default();
            note.run(Message { text: format!("Card {card} is now: {title}") });
        }
        is
    });
    let save = Callback::new(move |title: String| {
        editing.set(false);
        if value.with_untracked(|shown| shown.as_ref() != Some(&title)) {
            publish.run(title);
        }
    });
    // What was refused is offered again.
    let begin = move || error.with(|error| error.as_ref().map(|error| error.value.clone())).or_else(|| value.get());
    let word = move || match (retrying.get(), unconfirmed.get(), status.get()) {
        (true, ..) => "not reached, trying again",
        (_, true, _) => "saving",
        (_, _, TopicStatus::Incompatible) => "reload to read it",
        _ => "",
    };
    view! {
        <li
            class="card" data-card=card data-status=move || status.get().as_str()
            data-pending=move || unconfirmed.get().then_some("")
        >
            <Pick board card/>
            <Show
                when=move || editing.get()
                fallback=move || view! {
                    <Drawn value drawn/>
                    <p class="card-state">{word}</p>
                    <button
                        class="btn btn-small needs-script" data-tone="quiet" type="button"
                        aria-label=format!("Rename card {card}") on:click=move |_| editing.set(true)
                    >"Rename"</button>
                }
            >
                <Rename card title=untrack(begin).unwrap_or_default() save cancel=move || editing.set(false)/>
            </Show>
            <p class="field-error card-error" role="alert">{move || error.get().map(|error| format!("Not saved: {error}."))}</p>
        </li>
    }
}

/// The title, with how often it was drawn since the card was made.
#[component]
fn Drawn(value: Signal<Option<String>>, drawn: StoredValue<u32>) -> impl IntoView {
    move || {
        let title = value.get();
        drawn.update_value(|drawn| *drawn += 1);
        let times = drawn.get_value();
        view! {
            <p class="card-title">{title}</p>
            <p class="card-drawn num" data-drawn=times title="how often this title was drawn">{times}"×"</p>
        }
    }
}

#[component]
fn Rename(card: u32, title: String, save: Callback<String>, #[prop(into)] cancel: Callback<()>) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _ = input.focus();
            input.select();
        }
    });
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(input) = input.get_untracked() {
            save.run(input.value());
        }
    };
    view! {
        <form class="card-form" on:submit=submit>
            <input
                class="input" type="text" autocomplete="off" aria-label=format!("Title of card {card}") value=title
                node_ref=input
                on:keydown=move |event| if event.key() == "Escape" { cancel.run(()) }
            />
            <button class="btn btn-small" type="submit">"Save"</button>
        </form>
    }
}

/// Picks the card: the panel beside hears of it, and all other cards do.
#[component]
fn Pick(board: u32, card: u32) -> impl IntoView {
    let UsePublish { publish, .. } = use_publish(PICKED.at(board));
    let UseTopic { value, .. } = use_topic_with_options(PICKED.at(board), UseTopicOptions::default().initial(0));
    view! {
        <button
            class="card-number num" type="button" aria-label=format!("Pick card {card}")
            aria-pressed=move || if value.get() == Some(card) { "true" } else { "false" }
            on:click=move |_| publish.run(card)
        >{card}</button>
    }
}
