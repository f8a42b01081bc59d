//! The page's life: a clock, a watchdog, and the browser's word that the page comes and goes.

use std::{cell::Cell, time::Duration};

use leptos::{ev, prelude::*};
use tidings_wire::event::Hello;
use wasm_bindgen::JsCast;

use super::{driver, presence, stream};
use crate::status::Link;

/// Beats that may be missed by a half before the stream counts as stale, and by one and a half before it is opened
/// again.
const STALE_BEATS: f64 = 1.5;
const DEAD_BEATS: f64 = 2.5;

/// A stream that is not answered for this time is given up and asked for again: an answer begins at once, and a
/// connection that the browser has kept may lead nowhere by now. As long as a beat.
const OPEN_MS_MAX: f64 = 15_000.0;

thread_local! {
    /// What the server's clock is ahead of the browser's, in milliseconds.
    static SKEW_MS: Cell<f64> = const { Cell::new(0.0) };
    /// When the open stream was last heard, by the browser's clock; `None` without an open stream.
    static HEARD_MS: Cell<Option<f64>> = const { Cell::new(None) };
    /// When the stream was asked for that has not been answered yet.
    static ASKED_MS: Cell<Option<f64>> = const { Cell::new(None) };
    static BEAT_MS: Cell<f64> = const { Cell::new(15_000.0) };
}

/// The server's clock as far as the browser knows it.
pub(super) fn server_now_ms() -> f64 {
    js_sys::Date::now() + SKEW_MS.get()
}

/// Sets the clock that ages count by.
pub(super) fn hello(hello: &Hello) {
    if hello.now_ms > 0 {
        SKEW_MS.set(hello.now_ms as f64 - js_sys::Date::now());
    }
    BEAT_MS.set(f64::from(hello.beat_ms));
    tick();
}

/// A stream is asked for.
pub(super) fn asked() {
    ASKED_MS.set(Some(js_sys::Date::now()));
}

/// Bytes came.
pub(super) fn heard() {
    ASKED_MS.set(None);
    HEARD_MS.set(Some(js_sys::Date::now()));
    if let Some(driver) = driver()
        && driver.context.link.try_get_untracked() == Some(Link::Stale)
    {
        driver.context.link.try_set(Link::Live);
    }
}

/// The stream has ended.
pub(super) fn stopped() {
    ASKED_MS.set(None);
    HEARD_MS.set(None);
}

/// Once a second: ages, the countdown, and the watchdog. It compares timestamps, for a timer of a sleeping page is late.
pub(super) fn tick() {
    let Some(driver) = driver() else { return };
    driver.context.now_ms.try_set(Some(server_now_ms()));
    if ASKED_MS.get().is_some_and(|asked_ms| js_sys::Date::now() - asked_ms > OPEN_MS_MAX) {
        stopped();
        stream::abort();
    }
    let Some(heard_ms) = HEARD_MS.get() else { return };
    let silent_beats = (js_sys::Date::now() - heard_ms) / BEAT_MS.get();
    if silent_beats > DEAD_BEATS {
        stopped();
        stream::abort();
    } else if silent_beats > STALE_BEATS && driver.context.link.try_get_untracked() == Some(Link::Live) {
        driver.context.link.try_set(Link::Stale);
    }
}

/// Listens for as long as the document lives, which is as long as this thread.
pub(super) fn listen() {
    let _ = set_interval_with_handle(tick, Duration::from_secs(1));
    let _ = window_event_listener(ev::pagehide, |_| {
        presence::keep();
        stream::suspend();
    });
    let _ = window_event_listener(ev::pageshow, |_| {
        presence::take_back();
        stream::kick();
    });
    let _ = window_event_listener(ev::online, |_| stream::kick());
    let _ = window_event_listener_untyped("visibilitychange", |event| {
        // It bubbles up from the document.
        let Some(document) = event.target().and_then(|target| target.dyn_into::<web_sys::Document>().ok()) else {
            return;
        };
        let is_hidden = document.visibility_state() == web_sys::VisibilityState::Hidden;
        if let Some(driver) = driver() {
            driver.context.hidden.try_set(is_hidden);
        }
        if !is_hidden {
            tick();
            stream::kick();
        }
    });
}
