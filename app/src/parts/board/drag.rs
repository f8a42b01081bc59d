//! A drag, as the page sees it: how far the pointer has come, and what is under it.

use leptos::{ev, prelude::*, wasm_bindgen::JsCast};

use web_sys::{Element, HtmlElement};

use crate::board::{Column, Landing, Rect, landing_at};

/// A press that moves less than this is none, in pixels: a finger is never still.
const SLACK_PX: f64 = 5.0;

/// So near to an edge of the window the page scrolls, and so far each time the pointer moves.
const EDGE_PX: f64 = 56.0;
const SCROLL_PX: f64 = 14.0;

/// A card that is held: from where to where, on the page and not on the screen, which scrolls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drag {
    from: (f64, f64),
    to: (f64, f64),
    is_drag: bool,
}

impl Drag {
    pub(super) fn begin(event: &ev::PointerEvent) -> Self {
        let at = on_page(event);
        Self { from: at, to: at, is_drag: false }
    }

    /// Goes with the pointer; says whether it is a drag by now.
    pub(super) fn follow(&mut self, event: &ev::PointerEvent) -> bool {
        self.to = on_page(event);
        self.is_drag |= (self.to.0 - self.from.0).hypot(self.to.1 - self.from.1) > SLACK_PX;
        self.is_drag
    }

    pub(super) fn is_drag(&self) -> bool {
        self.is_drag
    }

    /// Shows the card under the pointer.
    pub(super) fn show(&self, grip: &Element) {
        if let Some(card) = card_of(grip) {
            let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
            let _ = card.style().set_property("translate", &format!("{dx}px {dy}px"));
        }
    }
}

/// Shows the card where it stands.
pub(super) fn hide(grip: &Element) {
    if let Some(card) = card_of(grip) {
        let _ = card.style().remove_property("translate");
    }
}

/// Scrolls where the pointer is at an edge: on a narrow screen the columns lie under each other.
pub(super) fn scroll(event: &ev::PointerEvent) {
    let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or_default();
    let y = f64::from(event.client_y());
    if y < EDGE_PX {
        window().scroll_by_with_x_and_y(0.0, -SCROLL_PX);
    } else if y > height - EDGE_PX {
        window().scroll_by_with_x_and_y(0.0, SCROLL_PX);
    }
}

/// Where the card would be let go.
pub(super) fn landing(card: u32, event: &ev::PointerEvent) -> Option<Landing> {
    let columns: Vec<_> = all(document().query_selector_all("[data-column]").ok()?)
        .filter_map(|element| {
            let column = Column::of(&element.get_attribute("data-column")?)?;
            let cards = all(element.query_selector_all("[data-card]").ok()?).filter_map(|element| {
                let number = element.get_attribute("data-card")?.parse().ok()?;
                (number != card).then(|| (number, rect(&element)))
            });
            Some((column, rect(&element), cards.collect()))
        })
        .collect();
    landing_at(&columns, f64::from(event.client_x()), f64::from(event.client_y()))
}

fn on_page(event: &ev::PointerEvent) -> (f64, f64) {
    (f64::from(event.page_x()), f64::from(event.page_y()))
}

fn card_of(grip: &Element) -> Option<HtmlElement> {
    grip.closest("[data-card]").ok()??.dyn_into().ok()
}

fn all(list: web_sys::NodeList) -> impl Iterator<Item = Element> {
    (0..list.length()).filter_map(move |at| list.item(at)?.dyn_into().ok())
}

fn rect(element: &Element) -> Rect {
    let rect = element.get_bounding_client_rect();
    Rect { left: rect.left(), top: rect.top(), right: rect.right(), bottom: rect.bottom() }
}
