//! The pages.

mod board;
mod cluster;
mod home;
mod not_found;

pub(crate) use board::Board;
pub(crate) use cluster::Cluster;
pub(crate) use home::Home;
pub(crate) use not_found::NotFound;
