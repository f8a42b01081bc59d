//! The columns of a board.

use serde::{Deserialize, Serialize};

/// Where a card stands. All boards have the same columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// Nobody has begun.
    #[default]
    Todo,
    /// Somebody is at it.
    Doing,
    /// It is done.
    Done,
}

impl Column {
    /// All of them, from left to right.
    pub const ALL: [Self; 3] = [Self::Todo, Self::Doing, Self::Done];

    /// For an attribute: `todo`, `doing`, `done`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::Doing => "doing",
            Self::Done => "done",
        }
    }

    /// The column of this name in an attribute.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == name)
    }

    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Todo => "To do",
            Self::Doing => "Doing",
            Self::Done => "Done",
        }
    }

    /// Its number, from the left.
    #[must_use]
    pub const fn at(self) -> usize {
        self as usize
    }
}
