//! Who asks.

use std::sync::Arc;

/// Who reads or writes from outside: what an app's login, cookie or token came to.
///
/// Code on the server itself needs none: it may do everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Principal {
    name: Option<Arc<str>>,
}

impl Principal {
    /// Somebody of whom nothing is known.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { name: None }
    }

    /// Somebody whom the app knows by this name or id.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.into()) }
    }

    /// The name; `None` for somebody unknown.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
