//! How a topic and the connection are doing, as words.

use serde::{Deserialize, Serialize};

/// How a component's topic is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicStatus {
    /// Painted by the server or not at all, and not live yet.
    Waiting,
    /// What is shown is current.
    Live,
    /// The stream is away: what is shown was current when it went.
    Stale,
    /// The topic is live and has no value.
    Missing,
    /// The reader may not read it, there is no such topic, or a limit is reached.
    Forbidden,
    /// A payload came that this build cannot read: the server is of another one. Reloading helps.
    Incompatible,
}

impl TopicStatus {
    /// For an attribute: `waiting`, `live`, `stale`, `missing`, `forbidden`, `incompatible`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::Incompatible => "incompatible",
        }
    }
}

/// How the page's one stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Link {
    /// The page was painted by the server; the browser has not taken over.
    #[default]
    None,
    /// The first stream is being opened.
    Connecting,
    /// The stream is open, and beats.
    Live,
    /// The stream has missed a beat.
    Stale,
    /// The stream is gone and is being opened again.
    Resuming,
    /// The last try failed; the next one follows after a delay.
    Offline,
}

impl Link {
    /// For an attribute: `none`, `connecting`, `live`, `stale`, `resuming`, `offline`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Resuming => "resuming",
            Self::Offline => "offline",
        }
    }
}
