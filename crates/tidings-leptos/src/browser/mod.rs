//! The browser's part: one page, one stream, timers and the page's events.
//!
//! JavaScript's objects live in thread-locals of this module and never in a signal: a signal may be
//! disposed of, and a server build must not know them.

mod life;
mod presence;
mod publish;
mod stream;
mod wait;

use std::cell::{Cell, RefCell};

use leptos::prelude::*;
use tidings_wire::{Painted, event::Event};

use crate::{
    page::{Calls, Depth, News, Page, Sink},
    provide::{LiveContext, LiveOptions},
    status::TopicStatus,
    topic::Target,
};

pub(crate) use presence::{track_in_effect, watch_in_effect};
pub(crate) use publish::{abandon, new_owner, write};

thread_local! {
    static PAGE: RefCell<Page> = RefCell::default();
    /// A flush is on its way: all changes of one tick travel in one call.
    static FLUSHING: Cell<bool> = const { Cell::new(false) };
    static DRIVER: RefCell<Option<Driver>> = const { RefCell::new(None) };
}

/// What the stream's task and the page's events share.
#[derive(Clone)]
struct Driver {
    context: LiveContext,
    prefix: std::rc::Rc<str>,
}

/// Starts the page's stream as soon as something is held. Called once, when the page has been taken over.
pub(crate) fn start(context: LiveContext, options: LiveOptions, build: Option<String>) {
    let first = DRIVER.with(|driver| {
        let mut driver = driver.borrow_mut();
        let first = driver.is_none();
        *driver = Some(Driver { context, prefix: options.prefix.into() });
        first
    });
    if first {
        stream::made_by(build);
        presence::begin();
        life::listen();
    }
    flush_soon();
}

fn driver() -> Option<Driver> {
    DRIVER.with(|driver| driver.borrow().clone())
}

/// Holds a topic or pattern in an effect: moves with its name, and ends with its owner.
pub(crate) fn hold_in_effect(
    target: Target,
    depth: Depth,
    painted: Option<Painted>,
    status: RwSignal<TopicStatus>,
    on_news: impl Fn(&News) + Clone + 'static,
    on_move: impl Fn() + Clone + 'static,
) {
    let painted = RefCell::new(painted);
    Effect::new(move |moved: Option<()>| {
        let target = target.get();
        if moved.is_some() {
            status.try_set(TopicStatus::Waiting);
            on_move();
        }
        let pattern = match target {
            Ok(pattern) => pattern,
            Err((text, error)) => {
                leptos::logging::warn!("invalid topic name {text}: {error}");
                status.try_set(TopicStatus::Forbidden);
                return;
            }
        };
        let on_news = on_news.clone();
        let sink: Sink = std::rc::Rc::new(move |news: &News| {
            match news {
                News::Joined => status.try_set(TopicStatus::Live),
                News::Refused => status.try_set(TopicStatus::Forbidden),
                _ => None,
            };
            on_news(news);
        });
        // What was painted is of the first name.
        let painted = painted.borrow_mut().take().filter(|_| moved.is_none());
        let mut calls = Calls::new();
        let hold = PAGE.with(|page| page.borrow_mut().hold(&pattern, depth, painted, sink, &mut calls));
        tell(calls);
        flush_soon();
        on_cleanup(move || {
            let mut calls = Calls::new();
            PAGE.with(|page| page.borrow_mut().release(&hold, &mut calls));
            tell(calls);
            flush_soon();
        });
    });
}

/// An event of the stream.
fn receive(event: &Event, id: Option<tidings_wire::Cursor>) {
    let mut calls = Calls::new();
    PAGE.with(|page| page.borrow_mut().event(event, id, &mut calls));
    tell(calls);
}

/// Outside of any borrow: a component may hold or release in answer.
fn tell(calls: Calls) {
    for (sink, update) in calls {
        sink(&update);
    }
}

/// Bytes that nobody can guess.
fn random_bytes() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    web_sys::window()?.crypto().ok()?.get_random_values_with_u8_array(&mut bytes).ok()?;
    Some(bytes)
}

/// Sends what has changed after this tick.
fn flush_soon() {
    if FLUSHING.replace(true) {
        return;
    }
    set_timeout(
        || {
            FLUSHING.set(false);
            stream::flush();
        },
        std::time::Duration::ZERO,
    );
}
