//! What is done to the board as a whole: filtered, and undone.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast};
use tidings_leptos::{Link, UseConnection, use_connection};

use web_sys::Element;

use super::{Desk, desk::use_desk};

/// The filter, which is in the address, and undo.
#[component]
pub(super) fn Tools(
    desk: Desk,
    /// What is asked for in the address.
    text: Signal<String>,
    ask: SignalSetter<Option<String>>,
) -> impl IntoView {
    let ask = move |text: String| ask.set(Some(text).filter(|text| !text.is_empty()));
    let shown = move || {
        let (all, hidden) = desk.order.with(|(_, order)| {
            let all = crate::board::Column::ALL.into_iter().flat_map(|column| order.cards(column));
            (order.len(), all.filter(|card| !desk.is_shown(*card)).count())
        });
        (hidden > 0).then(|| format!("{} of {all} shown", all - hidden))
    };
    let last = move || desk.undo.with(|undo| undo.last().map(crate::board::Done::words));
    Effect::new(move |_| {
        let listener = window_event_listener(ev::keydown, move |event| {
            let is_undo = (event.ctrl_key() || event.meta_key()) && !event.shift_key() && event.key() == "z";
            // In a field it is the field's own.
            if is_undo && !is_writing(&event) {
                event.prevent_default();
                desk.undo();
            }
        });
        on_cleanup(move || listener.remove());
    });
    view! {
        <div class="board-tools">
            // Without script the browser sends it.
            <form class="board-filter" method="get" role="search" on:submit=|event| event.prevent_default()>
                <label class="field-label" for="board-filter">"Filter"</label>
                <input
                    class="input" type="search" id="board-filter" name="filter" autocomplete="off" placeholder="A word of the title"
                    value=untrack(|| text.get()) prop:value=move || text.get() on:input:target=move |event| ask(event.target().value())
                />
                <p class="board-shown num" role="status">{shown}</p>
            </form>
            <div class="board-undo">
                <button
                    class="btn btn-small needs-script" data-tone="quiet" type="button" id="board-undo" aria-describedby="board-undo-what"
                    aria-disabled=move || last().is_none().then_some("true") on:click=move |_| desk.undo()
                >"Undo"</button>
                <p class="board-undo-what" id="board-undo-what">{move || last().unwrap_or_else(|| "Nothing done here yet.".to_owned())}</p>
            </div>
        </div>
    }
}

fn is_writing(event: &ev::KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

/// The keys; or, while the server is away, what becomes of what is done.
#[component]
pub(super) fn Hint() -> impl IntoView {
    let UseConnection { link, .. } = use_connection();
    let is_away = move || matches!(link.get(), Link::Stale | Link::Resuming | Link::Offline);
    let waiting = move || use_desk().map_or(0, Desk::pending);
    view! {
        <p class="board-hint" id="board-keys" data-away=move || is_away().then_some("")>
            <Show
                when=is_away
                fallback=|| view! {
                    "On a card's grip: "<kbd>"arrow keys"</kbd>" move it, "<kbd>"Enter"</kbd>" renames, "<kbd>"Delete"</kbd>" deletes. "
                    <kbd>"Ctrl Z"</kbd>" undoes."
                }
            >
                "The server is not reached. What you do is kept on this page and sent when it is: "
                <span class="num">{waiting}</span>" not confirmed."
            </Show>
        </p>
    }
}
