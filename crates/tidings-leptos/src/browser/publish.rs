//! Sends what the page writes, and sends it again until it is answered.

use std::cell::Cell;

use leptos::task::spawn_local;
use serde_json::value::RawValue;
use tidings_wire::{
    TopicKind, TopicName,
    live::{FailureError, PUBLISH_PATH, Publish},
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortSignal;

use super::{Driver, PAGE, driver, random_bytes, stream::post, tell, wait::wait};
use crate::{
    backoff::Backoff,
    page::{Answer, Calls, Fate, News, Sink, Write},
};

/// A server that has not answered after this time does not: a write is sent again, and after a change of topics the
/// stream is opened again. Longer than any of them takes, and as long as a beat.
pub(super) const ANSWER_MS_MAX: u32 = 15_000;

thread_local! {
    static OWNERS: Cell<u64> = const { Cell::new(0) };
}

/// Names a component that writes.
pub(crate) fn new_owner() -> u64 {
    OWNERS.replace(OWNERS.get() + 1)
}

/// Writes to a topic, or clears it without data; the sink is told how it fares.
pub(crate) fn write(topic: TopicName, kind: TopicKind, data: Option<Box<RawValue>>, owner: u64, sink: Sink) {
    let (Some(driver), Some(id)) = (driver(), random_id()) else {
        let message =
            "there is no live context, or no randomness: call `provide_live()` in the root component".to_owned();
        return sink(&News::Write(Fate::Failed(FailureError { code: "not-live".to_owned(), message })));
    };
    let mut calls = Calls::new();
    let write = Write { id: id.into(), kind, data, owner, sink };
    let begin = PAGE.with(|page| page.borrow_mut().write(&topic, write, &mut calls));
    tell(calls);
    if begin {
        spawn_local(send(driver, topic));
    }
}

/// A component that wrote is gone: what it wrote is sent once more at most.
pub(crate) fn abandon(owner: u64) {
    PAGE.with(|page| page.borrow_mut().abandon(owner));
}

/// Sends a topic's writes one after the other, until there are none.
async fn send(driver: Driver, topic: TopicName) {
    let mut backoff = Backoff::default();
    while let Some(publish) = PAGE.with(|page| page.borrow_mut().write_request(&topic)) {
        let answer = ask(&driver, &publish).await;
        let mut calls = Calls::new();
        PAGE.with(|page| match &answer {
            Answer::Given(given) => page.borrow_mut().written(&topic, &publish.id, given.clone(), &mut calls),
            Answer::Missing(why) => page.borrow_mut().unreached(&topic, &publish.id, why, &mut calls),
        });
        tell(calls);
        match answer {
            Answer::Given(_) => backoff.reset(),
            Answer::Missing(_) => wait(backoff.next_ms(js_sys::Math::random())).await,
        }
    }
}

async fn ask(driver: &Driver, publish: &Publish) -> Answer {
    let unreached = |_: JsValue| Answer::Missing("the server was not reached".to_owned());
    let signal = AbortSignal::timeout_with_u32(ANSWER_MS_MAX);
    let response = match post(driver, PUBLISH_PATH, publish, Some(&signal)).await {
        Ok(response) => response,
        Err(error) => return unreached(error),
    };
    let body = match response.text().map(JsFuture::from) {
        Ok(body) => body.await,
        Err(error) => return unreached(error),
    };
    body.map_or_else(unreached, |body| Answer::read(response.status(), &body.as_string().unwrap_or_default()))
}

fn random_id() -> Option<String> {
    // As random as a UUID.
    Some(random_bytes()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
