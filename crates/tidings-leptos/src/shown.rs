//! One State topic's value as a component shows it: what the server told, and over it what the page has just written.

use serde::de::DeserializeOwned;
use tidings_wire::{PaintedItem, Version};

use crate::page::News;

/// What is shown of a State topic.
#[derive(Debug)]
pub(crate) struct Shown<T> {
    server: Option<T>,
    pub(crate) version: Option<Version>,
    /// This page's own newest write, until it is confirmed.
    draft: Option<Draft<T>>,
    /// The newest value is one that this build cannot read.
    pub(crate) unreadable: bool,
}

/// What this page has written.
#[derive(Debug)]
enum Draft<T> {
    Value(T),
    Clear,
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Self { server: None, version: None, draft: None, unreadable: false }
    }
}

impl<T> Shown<T> {
    /// What to show.
    pub(crate) fn value(&self) -> Option<&T> {
        match &self.draft {
            Some(Draft::Value(value)) => Some(value),
            Some(Draft::Clear) => None,
            None => self.server.as_ref(),
        }
    }

    /// What is shown is not confirmed.
    pub(crate) fn is_pending(&self) -> bool {
        self.draft.is_some()
    }

    /// There is nothing to show: no value, also none that cannot be read.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.draft {
            Some(Draft::Value(_)) => false,
            Some(Draft::Clear) => true,
            None => self.server.is_none() && !self.unreadable,
        }
    }
}

impl<T: DeserializeOwned> Shown<T> {
    /// Begins with what was painted.
    pub(crate) fn paint(&mut self, item: &PaintedItem) {
        self.take(item.version, item.data.get());
    }

    /// Acts on what the page tells; says whether anything has changed.
    pub(crate) fn tell(&mut self, news: &News, optimistic: bool) -> bool {
        match news {
            // The value that is there, told again where continuity began again.
            News::Item(item) if self.version == Some(item.version) => false,
            News::Item(item) => {
                self.take(item.version, item.data.get());
                true
            }
            News::Nothing(_) => {
                let had = self.server.take().is_some() | self.unreadable | self.version.take().is_some();
                self.unreadable = false;
                had
            }
            News::Drafts(_, drafts) if optimistic => {
                let had = self.draft.is_some();
                // What this page has encoded itself reads as what it was.
                self.draft = drafts.last().and_then(|draft| match &draft.data {
                    Some(data) => serde_json::from_str(data.get()).ok().map(Draft::Value),
                    None => Some(Draft::Clear),
                });
                had || self.draft.is_some()
            }
            _ => false,
        }
    }

    fn take(&mut self, version: Version, data: &str) {
        // The version is that of what is there, also where it cannot be read: it is not told twice.
        self.version = Some(version);
        match serde_json::from_str(data) {
            Ok(value) => (self.server, self.unreadable) = (Some(value), false),
            Err(error) => {
                self.unreadable = true;
                leptos::logging::warn!("tidings: a value that this build cannot read: {error}");
            }
        }
    }
}
