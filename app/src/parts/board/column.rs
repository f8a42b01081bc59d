//! A column: its cards, in order.

use leptos::prelude::*;

use super::{card::Card, desk::use_desk, focus};
use crate::board::Column;

/// The cards of one column.
#[component]
pub(super) fn Cards(column: Column) -> impl IntoView {
    let desk = use_desk();
    // A title that changes changes no order, and draws no list.
    let cards = Memo::new(move |_| {
        let Some(desk) = desk else { return Vec::new() };
        let all = desk.order.with(|(board, order)| order.cards(column).map(|card| (*board, card)).collect::<Vec<_>>());
        all.into_iter().filter(|(_, card)| desk.is_shown(*card)).collect()
    });
    let each = move || {
        focus::keep();
        cards.get()
    };
    let is_end = move || {
        desk.and_then(|desk| desk.landing.get())
            .is_some_and(|landing| landing.column == column && landing.before.is_none())
    };
    let id = format!("column-{}", column.as_str());
    let heading = id.clone();
    view! {
        <section
            class="column" data-column=column.as_str() aria-labelledby=heading
            data-drop=move || is_end().then_some("end")
        >
            <h3 class="column-head" id=id>
                {column.title()}" "<span class="column-count num">{move || cards.with(Vec::len)}</span>
            </h3>
            <ul class="cards">
                <For each=each key=|card| *card let((board, card))>
                    <Card board card/>
                </For>
            </ul>
        </section>
    }
}
