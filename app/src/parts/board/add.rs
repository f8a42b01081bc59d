//! A new card, by a form that works without script.

use leptos::{html::Input, prelude::*};

use crate::api::AddCard;

/// Makes a card at the end of the first column.
#[component]
pub(super) fn AddForm(board: Signal<u32>) -> impl IntoView {
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
