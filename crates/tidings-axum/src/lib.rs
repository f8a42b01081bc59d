//! Live topics over HTTP: one SSE stream a page, plain streams for everyone, and publishing.
//!
//! ```no_run
//! use axum::Router;
//! use tidings::Hub;
//! use tidings_axum::{Live, LiveOptions, page_routes, plain_routes, presence_routes, same_origin, topic_routes};
//! use tidings::wire::live::DEFAULT_PREFIX;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let live = Live::new(Hub::solo("alpha")?, LiveOptions::default())?;
//! let app: Router = Router::new()
//!     .nest(DEFAULT_PREFIX, page_routes(live.clone()))
//!     .merge(plain_routes(live.clone()))
//!     .merge(topic_routes(live.clone()))
//!     .merge(presence_routes(live.clone()))
//!     // The app's own forms and server functions are protected by the same rule.
//!     .layer(axum::middleware::from_fn_with_state(live.clone(), same_origin));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move {
//!         tokio::signal::ctrl_c().await.ok();
//!         // Streams never end by themselves: without this line the server would wait for them for ever.
//!         live.drain();
//!     })
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! # Two ways in
//! - A **plain** stream for any EventSource, curl or SDK: `GET /live?topic=a/b&topic=c/d`. Each message's `id:` is the
//!   node's cursor, so `Last-Event-ID` resumes all topics at once.
//! - A **live** stream for the hooks of `tidings-leptos`: one a page, opened by a POST, on which topics come and go
//!   without a reconnect.
//!
//! # Proxies
//! Streams carry `X-Accel-Buffering: no` and `Cache-Control: no-store, no-transform`. Keep them out of compression: a
//! compressor holds events back until its block is full. The crate's README has the lines for nginx, Caddy and HAProxy.
//!
//! # Many nodes
//! No sticky sessions: a page id names the node of the page's stream, and a call that reaches another node is forwarded
//! there through the hub. All nodes need the same [`LiveOptions::secret`]. Topics that begin with `_tidings/` are the
//! library's own, and closed to the outside.

mod error;
mod letters;
mod live;
#[cfg(feature = "metrics")]
mod metrics;
mod origin;
mod page_id;
mod paint;
mod presence;
mod presence_routes;
mod rights;
mod routes;
mod stream;

/// Has the README's code compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::ApiError;
pub use live::{Identify, Live, LiveOptions};
#[cfg(feature = "metrics")]
pub use metrics::metrics_routes;
pub use origin::same_origin;
pub use page_id::Secret;
pub use presence_routes::presence_routes;
pub use routes::{page_routes, plain_routes, topic_routes};
