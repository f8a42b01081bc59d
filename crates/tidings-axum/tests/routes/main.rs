//! The routes, asked without a socket.

mod http;
mod metrics;
mod page_stream;
mod patterns;
mod support;
