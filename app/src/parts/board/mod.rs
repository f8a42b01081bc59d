//! What a board is made of: its cards in their columns, the one that is picked, and what happened.

mod activity;
mod add;
mod card;
mod column;
mod desk;
mod drag;
mod focus;
mod grip;
mod lost;
mod picked;
mod present;
mod title;
mod tools;
mod writer;

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::query_signal_with_options};
use tidings_leptos::{TopicStatus, wire::TopicKind};

pub(crate) use activity::Activity;
pub(crate) use picked::Picked;

use super::{
    panel::{Health, Panel},
    whois::WhoIsHere,
};
use crate::{
    board::Column,
    topics::{TITLE, TITLE_CHARS_MAX},
};
use add::AddForm;
use column::Cards;
use desk::{Desk, provide_desk};
use lost::Losses;
use tools::{Hint, Tools};

/// The cards, and what follows from all of them.
#[component]
pub(crate) fn Desktop(board: Signal<u32>) -> impl IntoView {
    // What is typed is no page of its own: going back leaves the board.
    let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
    let (asked, ask) = query_signal_with_options::<String>("filter", options);
    let text = Memo::new(move |_| asked.get().unwrap_or_default().chars().take(TITLE_CHARS_MAX).collect::<String>());
    let filter = Memo::new(move |_| text.with(|text| text.trim().to_lowercase()));
    let desk = provide_desk(board, filter.into());
    let presence = present::provide_editors(desk, board);
    let topic = Signal::derive(move || TITLE.all(board.get()).as_str().to_owned());
    let health = Health { status: desk.titles.status, age_s: desk.titles.age_s, version: desk.titles.version };
    view! {
        <Panel id="cards" title="Cards" topic kind=TopicKind::State health>
            <WhoIsHere presence/>
            <Totals desk/>
            <Tools desk text=text.into() ask/>
            <div class="board-losses"><Losses/></div>
            <Show when=move || !desk.order.with(|(_, order)| order.is_empty()) fallback=move || view! { <Nothing desk/> }>
                <div class="columns">
                    {Column::ALL.map(|column| view! { <Cards column/> })}
                </div>
            </Show>
            <div class="panel-foot">
                <Hint/>
                <AddForm board/>
            </div>
            <p class="visually-hidden" aria-live="polite" data-said="">{move || desk.said.get()}</p>
        </Panel>
    }
}

/// Figures of all cards, those too that the filter does not show.
#[component]
fn Totals(desk: Desk) -> impl IntoView {
    let chars = move || {
        let rows = desk.titles.rows.get();
        rows.iter().map(|row| row.with(|title| title.map_or(0, |title| title.chars().count()))).sum::<usize>()
    };
    let done = move || desk.order.with(|(_, order)| order.cards(Column::Done).count());
    view! {
        <dl class="figures board-figures">
            <div class="figure">
                <dt>"Cards"</dt><dd data-figure="cards"><span class="num">{move || desk.order.with(|(_, order)| order.len())}</span></dd>
            </div>
            <div class="figure"><dt>"Done"</dt><dd data-figure="done"><span class="num">{done}</span></dd></div>
            <div class="figure"><dt>"Characters in all"</dt><dd data-figure="chars"><span class="num">{chars}</span></dd></div>
            <div class="figure">
                <dt>"Not confirmed"</dt>
                <dd data-figure="pending"><span class="num">{move || desk.pending()}</span></dd>
            </div>
        </dl>
    }
}

/// Says why there is nothing to see, and what to do.
#[component]
fn Nothing(desk: Desk) -> impl IntoView {
    let words = move || match desk.titles.status.get() {
        TopicStatus::Waiting => "The cards are being fetched…",
        TopicStatus::Stale => "The server is not reached. The cards come when it is.",
        TopicStatus::Forbidden => "This board is closed to you.",
        TopicStatus::Incompatible => "The server is of another version: reload the page to read its cards.",
        TopicStatus::Live | TopicStatus::Missing => {
            "No cards yet. Make one below, and open the page in a second window."
        }
    };
    view! { <div class="empty"><p>{words}</p></div> }
}
