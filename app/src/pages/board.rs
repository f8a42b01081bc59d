//! A board in miniature: components and page tell each other things through topics, here and in all browsers.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;

use super::NotFound;
use crate::{
    parts::{Activity, Desktop, Picked},
    topics::is_board_number,
};

/// The page of one board.
#[component]
pub(crate) fn Board() -> impl IntoView {
    let params = use_params_map();
    let board = Memo::new(move |_| {
        let number = params.with(|params| params.get_str("board").and_then(|board| board.parse().ok()));
        number.filter(|board| is_board_number(*board))
    });
    // The number changes without the page being made anew: its components' topics move.
    let number = Signal::derive(move || board.get().unwrap_or(1));
    view! {
        <Show when=move || board.get().is_some() fallback=NotFound>
            <Title text=move || format!("Board {}: Tidings", number.get())/>
            <Meta name="description" content="Cards that are components, each with topics of its own: rename or move one here, and every open page shows it."/>
            <div class="hero">
                <h1>"Board "{number}</h1>
                <p class="lede">"Each card is a component with a topic for each field. Rename or move one: this page shows it at once, every other page a moment later, and only that card is drawn again."</p>
            </div>
            <div class="bench">
                <Desktop board=number/>
                <Picked board=number/>
                <Activity board=number/>
            </div>
        </Show>
    }
}
