//! Delays that something good may end early: the network is back, the page is shown again.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use slab::Slab;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

thread_local! {
    /// What ends each wait.
    static WAITS: RefCell<Slab<Function>> = const { RefCell::new(Slab::new()) };
}

/// Waits for so many milliseconds, or until [`end_waits`].
pub(super) async fn wait(delay_ms: u32) {
    let mut key = None;
    let promise = Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, delay_ms as i32);
        }
        key = Some(WAITS.with(|waits| waits.borrow_mut().insert(resolve)));
    });
    let _ = JsFuture::from(promise).await;
    if let Some(key) = key {
        WAITS.with(|waits| waits.borrow_mut().try_remove(key));
    }
}

/// Ends all waits.
pub(super) fn end_waits() {
    // Called outside of the borrow: what is woken may wait again.
    let waits: Vec<_> = WAITS.with(|waits| waits.borrow().iter().map(|(_, resolve)| resolve.clone()).collect());
    for resolve in waits {
        let _ = resolve.call0(&JsValue::NULL);
    }
}
