//! The browser's entry: takes over the page that the server rendered.

// A page is one type, nested as deep as its elements: an optimised build computes its layout.
#![recursion_limit = "256"]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's script once the wasm has arrived.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
