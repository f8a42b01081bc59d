//! The parts that pages are made of.

mod board;
mod chat;
mod cluster;
mod counter;
mod footer;
mod header;
mod lines;
mod log;
mod me;
mod messages;
mod notices;
mod panel;
mod people;
mod pill;
mod vitals;
mod whois;

pub(crate) use board::{Activity, Desktop, Picked};
pub(crate) use chat::Room;
pub(crate) use cluster::{Faults, Links, Map, Nodes, Totals, use_cluster};
pub(crate) use counter::Counter;
pub(crate) use footer::Footer;
pub(crate) use header::Header;
pub(crate) use lines::Lines;
pub(crate) use messages::Messages;
pub(crate) use notices::Notices;
pub(crate) use vitals::VitalsPanel;
pub(crate) use whois::Lookers;
