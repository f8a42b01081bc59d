//! What a board is made of: its cards, the one that is picked, and what happened.

use leptos::{html::Input, prelude::*};
use tidings_leptos::{TopicRow, UseLog, UseTopic, UseTopics, use_log, use_topic, use_topics, wire::TopicKind};

use super::{
    card::Card,
    log::Row,
    panel::{Health, Panel},
};
use crate::{
    api::AddCard,
    topics::{ACTIVITY, PICKED, TITLE},
};

/// Entries of the activity that the page shows.
const SHOWN: u32 = 3;

/// The cards, and what follows from all of them.
#[component]
pub(crate) fn Cards(board: Signal<u32>) -> impl IntoView {
    let UseTopics { rows, status, age_s, version } = use_topics(move || TITLE.all(board.get()));
    let topic = Signal::derive(move || TITLE.all(board.get()).as_str().to_owned());
    let sum = move |of: fn(&TopicRow<String>) -> usize| move || rows.get().iter().map(of).sum::<usize>();
    let chars = |row: &TopicRow<String>| row.with(|title| title.map_or(0, |title| title.chars().count()));
    view! {
        <Panel id="cards" title="Cards" topic kind=TopicKind::State health=Health { status, age_s, version }>
            <dl class="figures board-figures">
                <div class="figure"><dt>"Cards"</dt><dd data-figure="cards"><span class="num">{sum(|_| 1)}</span></dd></div>
                <div class="figure"><dt>"Characters in all"</dt><dd data-figure="chars"><span class="num">{sum(chars)}</span></dd></div>
                <div class="figure">
                    <dt>"Not confirmed"</dt>
                    <dd data-figure="pending"><span class="num">{sum(|row| usize::from(row.is_pending()))}</span></dd>
                </div>
            </dl>
            <Show when=move || rows.with(|rows| !rows.is_empty()) fallback=NoCards>
                <ul class="cards">
                    <For each=move || rows.get() key=|row| row.topic().clone() let:row>
                        {TITLE.params(row.topic()).map(|(board, card)| view! { <Card board card/> })}
                    </For>
                </ul>
            </Show>
            <div class="panel-foot"><AddForm board/></div>
        </Panel>
    }
}

/// Says what to do where there is nothing to see.
#[component]
fn NoCards() -> impl IntoView {
    view! { <div class="empty"><p>"No cards yet. Make one below, and open the page in a second window."</p></div> }
}

#[component]
fn AddForm(board: Signal<u32>) -> impl IntoView {
    let add = ServerAction::<AddCard>::new();
    let refused = move || match add.value().get() {
        Some(Err(refused)) => Some(refused),
        _ => None,
    };
    let kept = untrack(refused).map_or_else(String::new, |refused| refused.text);
    let input = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if matches!(add.value().get(), Some(Ok(())))
            && let Some(input) = input.get_untracked()
        {
            input.set_value("");
        }
    });
    view! {
        <ActionForm action=add attr:class="field">
            <input type="hidden" name="board" value=board/>
            <label class="field-label" for="add-title">"A new card"</label>
            <div class="field-line">
                <input
                    class="input" id="add-title" name="title" type="text" autocomplete="off" placeholder="Its title"
                    value=kept aria-describedby="add-error" aria-invalid=move || refused().map(|_| "true") node_ref=input
                />
                <button class="btn" type="submit" aria-busy=move || add.pending().get().then_some("true")>"Make"</button>
            </div>
            <div class="field-foot"><p class="field-error" id="add-error" role="alert">{move || refused().map(|refused| refused.reason)}</p></div>
        </ActionForm>
    }
}

/// The card that this page has picked: told by the cards, through a topic that no server knows.
#[component]
pub(crate) fn Picked(board: Signal<u32>) -> impl IntoView {
    let UseTopic { value, status, age_s, version, .. } = use_topic(move || PICKED.at(board.get()));
    let topic = Signal::derive(move || PICKED.at(board.get()).as_str().to_owned());
    view! {
        <Panel id="picked" title="Picked on this page" topic kind=TopicKind::Local health=Health { status, age_s, version }>
            <div class="panel-body">
                <Show
                    when=move || value.with(Option::is_some)
                    fallback=|| view! { <p class="picked-none">"Pick a card. No other page will know."</p> }
                >
                    <PickedCard board card=Signal::derive(move || value.get().unwrap_or(1))/>
                </Show>
            </div>
        </Panel>
    }
}

#[component]
fn PickedCard(board: Signal<u32>, card: Signal<u32>) -> impl IntoView {
    // One hook, whose topic moves from card to card.
    let UseTopic { value, pending, .. } = use_topic(move || TITLE.at(board.get(), card.get()));
    view! {
        <p class="picked" data-pending=move || pending.get().then_some("")>
            <span class="card-number num">{card}</span>
            <span class="picked-title">{move || value.get()}</span>
        </p>
    }
}

/// What happened on the board.
#[component]
pub(crate) fn Activity(board: Signal<u32>) -> impl IntoView {
    let UseLog { items, status, age_s, version, .. } = use_log(move || ACTIVITY.at(board.get()), SHOWN);
    let topic = Signal::derive(move || ACTIVITY.at(board.get()).as_str().to_owned());
    view! {
        <Panel
            id="activity" title="Last on this board" topic kind=TopicKind::Events class="bench-side"
            health=Health { status, age_s, version }
        >
            <div class="panel-body">
                <div class="log" tabindex="0" role="log" aria-label="What happened, times in UTC">
                    <Show
                        when=move || items.with(|items| !items.is_empty())
                        fallback=|| view! { <div class="empty"><p>"Nothing yet. Rename a card, and it is written here."</p></div> }
                    >
                        <ol class="log-list">
                            <For each=move || items.get() key=|item| item.key let:item>
                                <Row item/>
                            </For>
                        </ol>
                    </Show>
                </div>
            </div>
        </Panel>
    }
}
