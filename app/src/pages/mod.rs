//! The pages.

mod board;
mod chat;
mod cluster;
mod home;
mod not_found;

pub(crate) use board::Board;
pub(crate) use chat::Chat;
pub(crate) use cluster::Cluster;
pub(crate) use home::Home;
pub(crate) use not_found::NotFound;
