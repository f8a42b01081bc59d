//! Where this is a demonstration: who may make faults, and how.

use tidings::Faults;

/// The means to make faults, for who knows the token. In the context of pages and server functions, where the server was
/// started with one.
#[derive(Clone)]
pub struct Demo {
    faults: Faults,
    token: String,
}

impl Demo {
    /// With the token that visitors have to name.
    #[must_use]
    pub fn new(faults: Faults, token: String) -> Self {
        Self { faults, token }
    }

    /// The means, if the token is right.
    #[must_use]
    pub fn unlock(&self, token: &str) -> Option<&Faults> {
        // Lengths and all bytes are looked at, so that the time tells nothing of the token.
        let same = self.token.len() == token.len()
            && self.token.bytes().zip(token.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        same.then_some(&self.faults)
    }
}
