//! A Zenoh session that may be dropped anywhere.

use std::{ops::Deref, sync::Arc};

use zenoh::Session;

/// A session, shared. The last one to let go of it closes it, on a thread of its own: closing waits for Zenoh, and where
/// it is dropped because the program's runtime ends, there is no waiting any more.
#[derive(Debug, Clone)]
pub(crate) struct Held(Arc<Inner>);

#[derive(Debug)]
struct Inner(Option<Session>);

impl Held {
    pub(crate) fn new(session: Session) -> Self {
        Self(Arc::new(Inner(Some(session))))
    }
}

impl Deref for Held {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.0.as_ref().expect("it is taken when this is dropped, and not before")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            // Where no thread can be had, the session ends with the process.
            let thread = std::thread::Builder::new().name("tidings-close".to_owned());
            let _ = thread.spawn(move || drop(session));
        }
    }
}
