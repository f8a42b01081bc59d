//! A card's title: shown, or being written.

use leptos::{ev, html::Input, prelude::*};

use super::{
    Desk,
    desk::{Draft, use_desk},
    focus,
};

/// The title, or the form in its stead.
#[component]
pub(super) fn Title(card: u32, value: Signal<Option<String>>) -> impl IntoView {
    let desk = use_desk();
    let drawn = StoredValue::new(0_u32);
    let is_edited = move || desk.is_some_and(|desk| desk.drafts.with(|drafts| drafts.contains_key(&card)));
    view! {
        <Show when=is_edited fallback=move || view! { <Drawn value drawn/> }>
            <Rename card value/>
        </Show>
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

/// Writes the title. What is written so far belongs to the desk: where somebody moves the card meanwhile, this begins
/// anew and goes on.
#[component]
fn Rename(card: u32, value: Signal<Option<String>>) -> impl IntoView {
    let desk = use_desk()?;
    let input = NodeRef::<Input>::new();
    let draft = untrack(|| desk.drafts.with(|drafts| drafts.get(&card).cloned()))?;
    let Draft { base, text } = draft;
    // Somebody else has written it meanwhile: to be seen before it is written over.
    let theirs = move || value.get().filter(|now| *now != base);
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if let Some(input) = input.get_untracked() {
            desk.save(card, input.value());
        }
    };
    let write = move |text: String| {
        desk.drafts.update_untracked(|drafts| {
            if let Some(draft) = drafts.get_mut(&card) {
                draft.text = text;
            }
        });
    };
    Some(view! {
        <form class="card-form" on:submit=submit>
            <input
                class="input" type="text" autocomplete="off" id=format!("card-{card}-input")
                aria-label=format!("Title of card {card}") value=text node_ref=input
                on:input:target=move |event| write(event.target().value())
                on:keydown=move |event| if event.key() == "Escape" { desk.leave(card) }
            />
            <button class="btn btn-small" type="submit">"Save"</button>
            <p class="card-theirs" role="status">
                {move || theirs().map(|theirs| format!("Someone wrote “{theirs}” meanwhile. Saving replaces it; Escape keeps it."))}
            </p>
        </form>
    })
}

impl Desk {
    /// Begins to write a card's title. What was refused is offered again.
    pub(super) fn edit(self, card: u32) {
        let Some(base) = untrack(|| self.title(card)) else { return };
        let refused = self.writer(card).title.error.with_untracked(|error| error.as_ref()?.value.clone());
        let text = refused.unwrap_or_else(|| base.clone());
        self.drafts.update(|drafts| drop(drafts.insert(card, Draft { base, text })));
        request_animation_frame(move || {
            let input = document().get_element_by_id(&format!("card-{card}-input"));
            if let Some(input) = input.and_then(|input| leptos::wasm_bindgen::JsCast::dyn_into(input).ok()) {
                let input: web_sys::HtmlInputElement = input;
                let _ = input.focus();
                input.select();
            }
        });
    }

    fn save(self, card: u32, title: String) {
        self.leave(card);
        self.rename(card, title);
    }

    fn leave(self, card: u32) {
        self.drafts.update(|drafts| drop(drafts.remove(&card)));
        focus::give(format!("card-{card}-rename"));
    }
}
