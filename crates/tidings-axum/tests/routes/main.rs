//! The routes, asked without a socket.

mod http;
mod page_stream;
mod patterns;
mod publish;
mod support;
