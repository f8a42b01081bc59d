//! The guest's own name and colour, to be changed.

use leptos::{html::Input, prelude::*};

use crate::{
    api::BeCalled,
    guest::{COLOURS, NAME_CHARS_MAX, use_me},
};

/// A form with the guest's name and colour.
#[component]
pub(crate) fn MeForm() -> impl IntoView {
    let (me, call) = (use_me(), ServerAction::<BeCalled>::new());
    let refused = move || match call.value().get() {
        Some(Err(refused)) => Some(refused),
        _ => None,
    };
    // All that this page says from now on is said under the new name.
    Effect::new(move |_| {
        if let Some(Ok(guest)) = call.value().get() {
            me.0.set(Some(guest));
        }
    });
    let guest = me.0.get_untracked();
    let (name, colour) = guest.map_or_else(Default::default, |guest| (guest.name, guest.colour));
    // What a page without script was refused comes back in its address: shown again, to be mended.
    let name = untrack(refused).map_or(name, |refused| refused.text);
    let input = NodeRef::<Input>::new();
    view! {
        <ActionForm action=call attr:class="field me">
            <label class="field-label" for="me-name">"You are called"</label>
            <div class="field-line">
                <input
                    class="input" id="me-name" name="name" type="text" autocomplete="nickname" value=name
                    aria-describedby="me-error" aria-invalid=move || refused().map(|_| "true") node_ref=input
                />
                <button
                    class="btn" data-tone="quiet" type="submit" aria-busy=move || call.pending().get().then_some("true")
                >"Save"</button>
            </div>
            <fieldset class="colours">
                <legend class="field-label">"Your colour"</legend>
                {COLOURS.iter().enumerate().map(|(at, word)| view! {
                    <label class="colour" title=*word>
                        <input class="colour-pick" type="radio" name="colour" value=at checked=usize::from(colour) == at/>
                        <span class="avatar" data-colour=at aria-hidden="true"></span>
                        <span class="visually-hidden">{*word}</span>
                    </label>
                }).collect_view()}
            </fieldset>
            <div class="field-foot">
                <p class="field-error" id="me-error" role="alert">{move || refused().map(|refused| refused.reason)}</p>
                <p class="field-hint">{format!("at most {NAME_CHARS_MAX} characters")}</p>
            </div>
        </ActionForm>
    }
}
