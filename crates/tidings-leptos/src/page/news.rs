//! What the page tells its components.

use std::rc::Rc;

use serde_json::value::RawValue;
use tidings_wire::{
    PresenceEntry, TopicName, Version,
    event::{GapCause, PresenceDiff},
    live::FailureError,
};

/// What a component is told of its topics.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// A value or message.
    Item(Item),
    /// A topic has no value (any more).
    Nothing(TopicName),
    /// Messages may be missing before what follows.
    Gap(GapCause),
    /// The topics are live: what was retained has been told.
    Joined,
    /// The topics were refused.
    Refused,
    /// What this page has written to a topic and the server has not told back, oldest first.
    Drafts(TopicName, Rc<[Draft]>),
    /// How a write of the component fares.
    Write(Fate),
    /// Everybody who is present on a topic.
    Present(Rc<[PresenceEntry]>),
    /// Who has come, gone or changed there since.
    Presence(Rc<PresenceDiff>),
    /// The component's entry was refused, for this reason.
    Absent(Rc<str>),
}

/// One value or message.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) topic: TopicName,
    pub(crate) version: Version,
    /// Its number among all of its origin; 0 where nothing was said of it.
    pub(crate) stamp: u64,
    pub(crate) data: Rc<RawValue>,
}

/// A write of this page that is not confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) id: Rc<str>,
    /// `None` clears the topic.
    pub(crate) data: Option<Rc<RawValue>>,
}

/// How a write fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server was not reached; it is tried again.
    Unreached,
    /// What the page shows is at least as new as the write, or a newer write of this page stands for it.
    Done,
    /// It was refused, or given up.
    Failed(FailureError),
}

/// A component's way to be told.
pub(crate) type Sink = Rc<dyn Fn(&News)>;

/// Updates and whom to tell, to be called when nothing is borrowed.
pub(crate) type Calls = Vec<(Sink, News)>;

/// How much a component wants to have of its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The newest value of each State topic.
    Newest,
    /// The last so many messages of an Events topic.
    Last(u32),
}
