//! The stream's task: open, read, and come back.

use std::cell::{Cell, RefCell};

use js_sys::{Reflect, Uint8Array};
use leptos::{logging, prelude::*, task::spawn_local};
use serde::Serialize;
use tidings_wire::{
    event::Event,
    live::{CHANGE_PATH, OPEN_PATH},
    sse::Decoder,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, Headers, ReadableStreamDefaultReader, RequestCache, RequestInit, Response,
};

use super::{
    Driver, PAGE, driver, life,
    publish::ANSWER_MS_MAX,
    receive,
    wait::{end_waits, wait},
};
use crate::{backoff::Backoff, status::Link};

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// Ends the open stream.
    static ABORT: RefCell<Option<AbortController>> = const { RefCell::new(None) };
    /// The page is hidden away by the browser and may be brought back: no stream meanwhile.
    static SUSPENDED: Cell<bool> = const { Cell::new(false) };
    /// The build that made the page.
    static BUILD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Why a stream ended.
enum End {
    /// It was never open: no answer, or a refusal.
    Refused(String),
    /// It was open, and broke or was ended by us.
    Broken,
    /// The node said goodbye, with a delay in milliseconds.
    Bye(u32),
}

/// Notes which build made the page; where none did, the first stream's server tells.
pub(super) fn made_by(build: Option<String>) {
    BUILD.set(build);
}

/// Opens the stream if there is none and something is held; sends changes if there is one.
pub(super) fn flush() {
    let Some(driver) = driver() else { return };
    if !RUNNING.get() {
        if PAGE.with(|page| !page.borrow().is_empty()) {
            RUNNING.set(true);
            spawn_local(run(driver));
        }
        return;
    }
    // Without a page id the stream is being opened, and its request holds everything; what came after goes with the
    // flush that follows its hello.
    let Some(change) = PAGE.with(|page| page.borrow_mut().change()) else { return };
    spawn_local(async move {
        // Unanswered it may have been lost, and the stream goes on without it.
        let signal = AbortSignal::timeout_with_u32(ANSWER_MS_MAX);
        let sent = post(&driver, CHANGE_PATH, &change, Some(&signal)).await;
        let accepted = sent.as_ref().is_ok_and(Response::ok);
        // Nothing is in it; but an answer whose body nobody takes counts as cut off.
        if let Some(body) = sent.ok().and_then(|answer| answer.array_buffer().ok()) {
            let _ = JsFuture::from(body).await;
        }
        if !accepted {
            // The change is lost, and what the server holds is not what the page thinks: begin again, from where every
            // topic is.
            logging::warn!("tidings: a change of topics was not taken; the stream is opened again");
            abort();
        }
    });
}

/// Ends the open stream; its task comes back by itself.
pub(super) fn abort() {
    if let Some(controller) = ABORT.take() {
        controller.abort();
    }
}

/// The browser puts the page away: closes the stream, without a word to the visitor.
pub(super) fn suspend() {
    SUSPENDED.set(true);
    abort();
}

/// Tries now instead of after the delay.
pub(super) fn kick() {
    SUSPENDED.set(false);
    end_waits();
}

async fn run(driver: Driver) {
    let context = driver.context;
    let mut backoff = Backoff::default();
    context.link.try_set(Link::Connecting);
    loop {
        let end = open_and_read(&driver, &mut backoff).await;
        PAGE.with(|page| page.borrow_mut().end());
        life::stopped();
        set_ready(false);
        let delay_ms = match end {
            End::Bye(retry_ms) => retry_ms + backoff.next_ms(js_sys::Math::random()),
            End::Broken => backoff.next_ms(js_sys::Math::random()),
            End::Refused(reason) => {
                logging::log!("tidings: no stream: {reason}");
                backoff.next_ms(js_sys::Math::random())
            }
        };
        context.retry_at_ms.try_set(Some(life::server_now_ms() + f64::from(delay_ms)));
        life::tick();
        context.link.try_set(Link::Offline);
        wait(delay_ms).await;
        while SUSPENDED.get() {
            wait(u32::MAX >> 1).await;
        }
        context.retry_at_ms.try_set(None);
        context.link.try_set(Link::Resuming);
    }
}

async fn open_and_read(driver: &Driver, backoff: &mut Backoff) -> End {
    let Ok(controller) = AbortController::new() else { return End::Refused("no AbortController".to_owned()) };
    ABORT.set(Some(controller.clone()));
    let open = PAGE.with(|page| page.borrow_mut().open());
    life::asked();
    let response = match post(driver, OPEN_PATH, &open, Some(&controller.signal())).await {
        Ok(response) if response.ok() => response,
        Ok(response) => return End::Refused(format!("the server answered {}", response.status())),
        Err(error) => return End::Refused(format!("{error:?}")),
    };
    let Some(body) = response.body() else { return End::Refused("an answer without a body".to_owned()) };
    let Ok(reader) = body.get_reader().dyn_into::<ReadableStreamDefaultReader>() else {
        return End::Refused("no reader".to_owned());
    };
    let (mut decoder, context) = (Decoder::default(), driver.context);
    loop {
        let Ok(chunk) = JsFuture::from(reader.read()).await else { return End::Broken };
        let done = Reflect::get(&chunk, &"done".into()).map_or(true, |done| done.is_truthy());
        let bytes = Reflect::get(&chunk, &"value".into()).ok().and_then(|value| value.dyn_into::<Uint8Array>().ok());
        let (false, Some(bytes)) = (done, bytes) else { return End::Broken };
        life::heard();
        let (mut bye, mut events) = (None, Vec::new());
        decoder.read(&bytes.to_vec(), |event| events.push(event));
        context.heard.try_update(|heard| *heard = heard.wrapping_add(events.len() as u32));
        for raw in events {
            let event = match Event::read(&raw.name, &raw.data) {
                Ok(event) => event,
                Err(error) => {
                    logging::warn!("tidings: an event {:?} that this build cannot read: {error}", raw.name);
                    continue;
                }
            };
            // The id that this event carried, not the one that it only inherits.
            let id = raw.has_id.then(|| raw.id.parse().ok()).flatten();
            act(driver, backoff, &event);
            receive(&event, id);
            if let Event::Bye(goodbye) = event {
                bye = Some(goodbye.retry_ms);
            }
        }
        if decoder.overflowed() {
            logging::warn!("tidings: an event was too large; the stream is opened again");
            return End::Broken;
        }
        if let Some(retry_ms) = bye {
            return End::Bye(retry_ms);
        }
    }
}

/// What an event means for the connection.
fn act(driver: &Driver, backoff: &mut Backoff, event: &Event) {
    let context = driver.context;
    match event {
        Event::Hello(hello) => {
            life::hello(hello);
            context.node.try_set(Some(hello.node.clone()));
            let known = BUILD.with(|build| build.borrow_mut().get_or_insert_with(|| hello.build.clone()).clone());
            context.outdated.try_set(known != hello.build || hello.wire != tidings_wire::WIRE_VERSION);
        }
        Event::Rewound => {
            context.rewound.try_update(|rewound| *rewound += 1);
        }
        Event::Joined(_) => {
            backoff.reset();
            context.link.try_set(Link::Live);
            set_ready(true);
            // The server is there: what waits to be written need not wait longer.
            end_waits();
            // What changed while the stream was being opened.
            super::flush_soon();
        }
        _ => {}
    }
}

/// `<html data-live="ready">` once the page is taken over and its stream is live: what tests wait for.
fn set_ready(ready: bool) {
    let root = web_sys::window().and_then(|window| window.document()).and_then(|document| document.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute("data-live", if ready { "ready" } else { "lost" });
    }
}

pub(super) async fn post<T: Serialize>(
    driver: &Driver,
    path: &str,
    body: &T,
    signal: Option<&AbortSignal>,
) -> Result<Response, JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let headers = Headers::new()?;
    headers.set("content-type", "application/json")?;
    headers.set("accept", "text/event-stream, application/json")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_cache(RequestCache::NoStore);
    init.set_body(&serde_json::to_string(body).unwrap_or_default().into());
    init.set_signal(signal);
    let url = format!("{}{path}", driver.prefix);
    JsFuture::from(window.fetch_with_str_and_init(&url, &init)).await?.dyn_into()
}
