//! What happened on a board.

use leptos::prelude::*;
use tidings_leptos::{UseLog, use_log, wire::TopicKind};

use super::super::{
    log::Row,
    panel::{Health, Panel},
};
use crate::topics::ACTIVITY;

/// Entries of the activity that the page shows.
const SHOWN: u32 = 3;

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
