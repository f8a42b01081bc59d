//! Focus that stays where it was while cards move about.

use leptos::{prelude::*, wasm_bindgen::JsCast};

use web_sys::{FocusOptions, HtmlElement};

/// Before cards are taken out of the page and put in elsewhere: what has the focus in one of them has it afterwards too.
/// It is found by its id. On the server there is no focus.
pub(super) fn keep() {
    let in_card = focused().filter(|element| element.closest("[data-card]").ok().flatten().is_some());
    if let Some(element) = in_card.filter(|element| !element.id().is_empty()) {
        let (id, caret) = (element.id(), caret(&element));
        request_animation_frame(move || {
            let Some(element) = element_by_id(&id).filter(|_| is_nowhere()) else { return };
            focus(&element);
            if let (Some(input), Some((from, to))) = (element.dyn_ref::<web_sys::HtmlInputElement>(), caret) {
                let _ = input.set_selection_range(from, to);
            }
        });
    }
}

/// Gives the focus to an element that is about to be there.
pub(super) fn give(id: String) {
    request_animation_frame(move || {
        if let Some(element) = element_by_id(&id) {
            focus(&element);
        }
    });
}

/// Nothing has the focus: what had it was taken out.
fn is_nowhere() -> bool {
    focused().is_none_or(|element| element.tag_name() == "BODY")
}

fn focused() -> Option<HtmlElement> {
    if cfg!(feature = "ssr") {
        return None;
    }
    document().active_element()?.dyn_into().ok()
}

fn element_by_id(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// The page stays where it is: a card that somebody else moves does not scroll it.
fn focus(element: &HtmlElement) {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    let _ = element.focus_with_options(&options);
}

fn caret(element: &HtmlElement) -> Option<(u32, u32)> {
    let input = element.dyn_ref::<web_sys::HtmlInputElement>()?;
    Some((input.selection_start().ok()??, input.selection_end().ok()??))
}
