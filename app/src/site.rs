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

/// Makes the site known to all components below. Called once, in the root component.
///
/// `None` where nobody rendered the page: the list of routes is made without a request.
pub(crate) fn provide_site() -> Option<Site> {
    let site = SharedValue::new(use_context::<Site>).into_inner();
    if let Some(site) = &site {
        provide_context(site.clone());
    }
    site
}
