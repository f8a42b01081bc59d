//! Presence in effects: moves with names and keys, and ends with its owner.

use std::{cell::RefCell, rc::Rc};

use leptos::prelude::*;
use serde_json::value::RawValue;
use tidings_wire::{Reference, TopicName};

use super::{PAGE, flush_soon, random_bytes, tell};
use crate::page::{Calls, News, Sink};

/// Where a tab keeps its reference while it has no page: from one page to the next, and over a reload.
const STORED_AS: &str = "tidings.page";

/// Sees who is present on a topic.
pub(crate) fn watch_in_effect(
    topic: Memo<Option<TopicName>>,
    on_news: impl Fn(&News) + Clone + 'static,
    on_move: impl Fn() + 'static,
) {
    Effect::new(move |moved: Option<()>| {
        if moved.is_some() {
            on_move();
        }
        // An invalid name: the other hooks of the component say so.
        let Some(topic) = topic.get() else { return };
        let sink: Sink = Rc::new(on_news.clone());
        let mut calls = Calls::new();
        let watch = PAGE.with(|page| page.borrow_mut().attendance.watch(&topic, sink, &mut calls));
        tell(calls);
        flush_soon();
        on_cleanup(move || {
            PAGE.with(|page| page.borrow_mut().attendance.unwatch(&watch));
            flush_soon();
        });
    });
}

/// Is present on a topic while there is a key, and says what the meta says.
pub(crate) fn track_in_effect(
    topic: Memo<Option<TopicName>>,
    key: Signal<Option<String>>,
    meta: Memo<String>,
    on_news: impl Fn(&News) + Clone + 'static,
    on_asked: impl Fn() + Clone + 'static,
) {
    let tracked = Rc::new(RefCell::new(None));
    let entry = tracked.clone();
    let asked = on_asked.clone();
    Effect::new(move |_| {
        let (topic, key) = (topic.get(), key.get());
        asked();
        let (Some(topic), Some(key), Some(meta)) = (topic, key, raw(meta.get_untracked())) else {
            entry.take();
            return;
        };
        let sink: Sink = Rc::new(on_news.clone());
        let track = PAGE.with(|page| page.borrow_mut().attendance.track(&topic, &key, meta, sink));
        *entry.borrow_mut() = Some(track.clone());
        flush_soon();
        on_cleanup(move || {
            PAGE.with(|page| page.borrow_mut().attendance.untrack(&track));
            flush_soon();
        });
    });
    Effect::new(move |_| {
        let Some(meta) = raw(meta.get()) else { return };
        if let Some(track) = &*tracked.borrow() {
            on_asked();
            PAGE.with(|page| page.borrow_mut().attendance.retrack(track, meta));
            flush_soon();
        }
    });
}

fn raw(meta: String) -> Option<Box<RawValue>> {
    RawValue::from_string(meta).ok()
}

/// The page gets its reference: the one that the tab has kept, or a new one. It is taken out of the tab's storage, which a
/// browser copies when a tab is duplicated: two pages must not be one.
pub(super) fn begin() {
    let kept = storage().and_then(|storage| {
        let kept = storage.get_item(STORED_AS).ok().flatten()?.parse().ok();
        let _ = storage.remove_item(STORED_AS);
        kept
    });
    let reference = kept.or_else(|| random_bytes().map(Reference::from_bytes));
    if let Some(reference) = reference {
        REFERENCE.set(Some(reference));
        PAGE.with(|page| page.borrow_mut().attendance.refer(reference));
    }
}

/// The page is put away: its tab's next page is the same somebody.
pub(super) fn keep() {
    if let (Some(storage), Some(reference)) = (storage(), REFERENCE.get()) {
        let _ = storage.set_item(STORED_AS, &reference.to_string());
    }
}

/// The page is back.
pub(super) fn take_back() {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(STORED_AS);
    }
}

thread_local! {
    static REFERENCE: std::cell::Cell<Option<Reference>> = const { std::cell::Cell::new(None) };
}

/// `None` where the visitor has switched it off: a reload is then somebody new.
fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}
