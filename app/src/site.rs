//! What a page says of the node that rendered it.

use leptos::{prelude::*, server::SharedValue};
use serde::{Deserialize, Serialize};
use tidings_wire::NodeName;

/// The node that rendered the page. Provided by the server, and carried to the browser in the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its name; topics of the page are those of this node.
    pub node: NodeName,
    /// The engine that connects it to others.
    pub engine: String,
    /// The version of the app.
    pub version: String,
    /// How it is reached, for commands to copy: `http://127.0.0.1:3000`.
    pub url: String,
}

/// Faults may be made on purpose here, by who knows the token: in the context where the server was started so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DemoMode;

/// Makes the site known to all components below. Called once, in the root component.
///
/// `None` where nobody rendered the page: the list of routes is made without a request.
pub(crate) fn provide_site() -> Option<Site> {
    let site = SharedValue::new(use_context::<Site>).into_inner();
    if let Some(site) = &site {
        provide_context(site.clone());
    }
    if SharedValue::new(is_demo).into_inner() {
        provide_context(DemoMode);
    }
    site
}

#[cfg(feature = "ssr")]
fn is_demo() -> bool {
    use_context::<crate::node::Demo>().is_some()
}

/// In the browser the page says it; where nobody rendered it, nobody knows.
#[cfg(not(feature = "ssr"))]
fn is_demo() -> bool {
    false
}
