//! Nodes of a cluster reach each other through [NATS](https://nats.io) servers, and keep what they publish in JetStream,
//! so that all of them may stop.
//!
//! ```no_run
//! use tidings::Hub;
//! use tidings_nats::{JournalOptions, Nats, NatsOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::solo("alpha")?;
//! let options = NatsOptions::default()
//!     .servers(["10.0.0.2:4222", "10.0.0.3:4222"])
//!     .journal(Some(JournalOptions::default()));
//! hub.connect(Nats::new(options)).await?;
//! # Ok(()) }
//! ```
//!
//! Tested against nats-server 2.9.10, one and a cluster of three.
//!
//! # The carrier
//! [`Nats`] is a [`Carrier`](tidings::Carrier) like any other: it moves frames and says who is there. Order, repair,
//! interest and the rest are the hub's, whatever this or the server drops. A publish never waits for a server.
//!
//! - Frames go over plain subjects, `tidings.{cluster}.frames.{node}.{epoch}`, cut into pieces where the server takes less
//!   than a frame has.
//! - Each node says four times in a [lease](NatsOptions::lease) that it lives, and says goodbye when it stops. Who is
//!   silent for a lease is down. A server that is away for less is no verdict; and where it is away for longer, each node
//!   is alone, goes on, and is one of the cluster again when the server is back.
//! - A name is taken while its holder answers: who starts with it is refused. Where two of one name meet later, the
//!   younger leaves ([`Hub::is_taken`](tidings::Hub::is_taken)).
//!
//! # The journal
//! With [`NatsOptions::journal`], or [`JetStream`] beside a carrier of another make, each node writes down what it
//! publishes on State and Events topics, after it is published; a node that begins reads it, before
//! [`Hub::connect`](tidings::Hub::connect) answers. Values, histories and cursors of before then go on as if nobody had
//! stopped. Signals are in no journal. [`Hub::journal`](tidings::Hub::journal) says how far it is, and
//! [`Hub::journaled_within`](tidings::Hub::journaled_within) waits for one message. What a crash takes before it is written,
//! some milliseconds' worth, is told as `rewound` to who knows of it.
//!
//! Two streams: `TIDINGS_{cluster}_VALUES` keeps the last value of each State topic and origin and lets go of nothing else,
//! `TIDINGS_{cluster}_HISTORY` keeps [`history_max`](JournalOptions::history_max) messages of each Events topic. What it let
//! go of is told as a gap to who resumes from below. Neither has an age.
//!
//! # Limits
//! | What | Limit | When it is reached |
//! |---|---|---|
//! | frames that wait for the server | 4,096, 64 MiB | dropped, and repaired by the hub |
//! | a message of the carrier | what the server's `max_payload` says, at most 512 KiB | frames are cut |
//! | a record of the journal | the server's `max_payload`, 1 MiB by default | a node whose `payload_bytes_max` makes larger ones does not begin: set `max_payload: 2MB` |
//! | bytes of the journal | 1 GiB of histories, 512 MiB of values | nothing more is written, nothing goes, publishing goes on; `tidings_journal_behind` rises and the log says why |
//! | messages of a topic in the journal | 1,000 | the oldest goes, told as a gap |
//! | reading at the start | all that is kept, in memory | keep the bytes below what a node has |
//! | servers that choose who leads a stream | 40 s, after three were killed some 10 s | a node that begins ends with an error |
//!
//! A server's disk: JetStream answers before a record is on it, and syncs every two minutes by default, so that a machine
//! which loses its power may lose so much; a killed server process loses nothing. `sync_interval: always` in the server's
//! `jetstream` block changes it, from 2.10 on
//! ([source](https://docs.nats.io/running-a-nats-service/configuration#jetstream-server-settings)); 2.9 refuses to start
//! with it. Or let [three servers](JournalOptions::replicas) keep each record. Records that are lost this way are noticed:
//! each mark says up to where its writer was told that histories are kept, and who resumes is told a gap.
//!
//! # Who may come in
//! Whoever may publish to `tidings.{cluster}.>` at the server: give the nodes [credentials](NatsOptions::credentials) of
//! their own, and [TLS](NatsOptions::tls) where others can read on the way. What is no frame is dropped and counted.

mod carrier;
mod client;
mod hello;
mod journal;
mod letter;
mod listen;
mod options;
mod queue;
mod reading;
mod seen;
mod streams;
mod subjects;
mod table;

pub use carrier::Nats;
pub use journal::JetStream;
pub use options::{Credentials, JournalOptions, NatsOptions, Tls};
