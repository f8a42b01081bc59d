//! The card that is picked: the page view hears it from the cards.

use leptos::prelude::*;
use tidings_leptos::{UseTopic, use_topic, wire::TopicKind};

use super::super::panel::{Health, Panel};
use crate::topics::{PICKED, TITLE};

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
