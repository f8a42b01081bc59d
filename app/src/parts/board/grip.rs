//! A card's grip: drags it with a pointer of any kind, and moves it with keys.

use leptos::{ev, html::Button, prelude::*};

use super::{
    Desk,
    desk::use_desk,
    drag::{self, Drag},
    focus,
};
use crate::board::Step;

/// The grip of a card.
#[component]
pub(super) fn Grip(card: u32) -> impl IntoView {
    let desk = use_desk()?;
    let grip = NodeRef::<Button>::new();
    let drag = StoredValue::new(None::<Drag>);
    let down = move |event: ev::PointerEvent| {
        // The first finger, or the left button.
        if event.is_primary()
            && event.button() == 0
            && let Some(grip) = grip.get_untracked()
        {
            let _ = grip.set_pointer_capture(event.pointer_id());
            drag.set_value(Some(Drag::begin(&event)));
        }
    };
    let moved = move |event: ev::PointerEvent| {
        let follow = |drag: &mut Option<Drag>| {
            let drag = drag.as_mut()?;
            drag.follow(&event).then_some(*drag)
        };
        let Some(held) = drag.try_update_value(follow).flatten() else { return };
        if let Some(grip) = grip.get_untracked() {
            held.show(&grip);
            drag::scroll(&event);
            desk.dragged.set(Some(card));
            desk.landing.set(drag::landing(card, &event));
        }
    };
    let end = move |lands: bool| {
        let was = drag.try_update_value(Option::take).flatten();
        let landing = desk.landing.get_untracked();
        desk.dragged.set(None);
        desk.landing.set(None);
        if let Some(grip) = grip.get_untracked() {
            drag::hide(&grip);
        }
        if let (true, Some(was), Some(landing)) = (lands, was, landing)
            && was.is_drag()
        {
            desk.land(card, landing);
            focus::give(format!("card-{card}-grip"));
        }
    };
    // The card may go while it is dragged: somebody deletes it, or moves it to another column.
    on_cleanup(move || {
        if desk.dragged.try_get_untracked().flatten() == Some(card) {
            desk.dragged.try_set(None);
            desk.landing.try_set(None);
        }
    });
    let key = move |event: ev::KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        match (event.key().as_str(), Step::of_key(&event.key())) {
            ("Escape", _) => return end(false),
            ("Enter" | "F2", _) => desk.edit(card),
            ("Delete", _) => desk.delete_here(card, "grip"),
            (_, Some(step)) => desk.step(card, step),
            _ => return,
        }
        event.prevent_default();
    };
    Some(view! {
        <button
            class="card-grip needs-script" type="button" id=format!("card-{card}-grip") node_ref=grip
            aria-label=format!("Move card {card}") aria-describedby="board-keys"
            on:pointerdown=down on:pointermove=moved
            on:pointerup=move |_| end(true) on:pointercancel=move |_| end(false)
            on:keydown=key
        >
            <svg viewBox="0 0 12 18" width="12" height="18" aria-hidden="true">
                <path d="M3 3h.01M9 3h.01M3 9h.01M9 9h.01M3 15h.01M9 15h.01" stroke="currentColor" stroke-width="3" stroke-linecap="round"/>
            </svg>
        </button>
    })
}

impl Desk {
    /// Moves a card one step, past what is shown.
    fn step(self, card: u32, step: Step) {
        let is_shown = |other| untrack(|| self.is_shown(other));
        match self.order.with_untracked(|(_, order)| order.step(card, step, is_shown)) {
            Some(landing) => {
                self.land(card, landing);
                focus::give(format!("card-{card}-grip"));
            }
            None => self.say(format!("Card {card} is at the edge.")),
        }
    }
}
