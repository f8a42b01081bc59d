//! The routes, asked without a socket.

mod forward;
mod herd;
mod http;
mod metrics;
mod page_stream;
mod paint;
mod patterns;
mod presence;
mod publish;
mod rights;
mod support;
