//! A chat: publisher and subscriber in their smallest form, with who is here.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;

use super::NotFound;
use crate::{chat::is_room_name, parts::Room};

/// The page of one room.
#[component]
pub(crate) fn Chat() -> impl IntoView {
    let params = use_params_map();
    let named = Memo::new(move |_| params.with(|params| params.get("room").filter(|room| is_room_name(room))));
    // The name changes without the page being made anew: its topics move.
    let room = Signal::derive(move || named.get().unwrap_or_else(|| "lobby".to_owned()));
    view! {
        <Show when=move || named.get().is_some() fallback=NotFound>
            <Title text=move || format!("Chat, {}: Tidings", room.get())/>
            <Meta name="description" content="A chat in its smallest form: lines go to everyone who subscribes, and everyone sees who is here."/>
            <div class="hero">
                <h1>"Chat: "{room}</h1>
                <p class="lede">"A room is a topic. What is said goes to everyone who subscribes, on whatever node, and so does who is here: three tabs of yours are one guest, and a reload is no goodbye."</p>
            </div>
            <div class="bench chat-bench"><Room room/></div>
        </Show>
    }
}
