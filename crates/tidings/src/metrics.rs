//! The hub's figures through the facade of the [`metrics`] crate, for whatever exporter the process has.
//!
//! Feature `metrics`. Figures are read when they are asked for, and cost nothing in between:
//!
//! ```
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use tidings::{Payload, testing};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (hub, _) = testing::hub("alpha");
//! hub.broadcast("chat/lobby", Payload::of("hello")?)?;
//!
//! let recorder = PrometheusBuilder::new().build_recorder();
//! metrics::with_local_recorder(&recorder, || {
//!     tidings::metrics::describe();
//!     tidings::metrics::record(&hub);
//! });
//! assert!(recorder.handle().render().contains(r#"tidings_published_total{kind="signal"} 1"#));
//! # Ok(()) }
//! ```
//!
//! There is no label for the topic: a node may have a hundred thousand, and each would be a series for ever. What a
//! topic does is in [`Hub::topics`]. Labels of the node are the exporter's matter, which knows what else it labels.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::{Hub, MemberState};

/// Says what each figure means; once, after the recorder is there.
pub fn describe() {
    describe_gauge!("tidings_topics", Unit::Count, "Topics that there are, by kind.");
    describe_gauge!("tidings_topics_max", Unit::Count, "Topics that the node may have.");
    describe_gauge!("tidings_readers", Unit::Count, "Readers: subscriptions and streams.");
    describe_gauge!("tidings_readers_max", Unit::Count, "Readers that the node may have.");
    describe_gauge!("tidings_held_messages", Unit::Count, "Messages that are kept, by kind.");
    describe_gauge!("tidings_held_bytes", Unit::Bytes, "Bytes that are kept, by kind, as the limit counts them.");
    describe_gauge!("tidings_held_bytes_max", Unit::Bytes, "Bytes that may be kept, of all kinds together.");
    describe_counter!("tidings_published_total", Unit::Count, "Messages applied on this node, by kind.");
    describe_counter!("tidings_delivered_total", Unit::Count, "Messages handed to readers, by kind.");
    describe_counter!(
        "tidings_skipped_total",
        Unit::Count,
        "State values that were replaced before a reader saw them."
    );
    describe_counter!("tidings_gaps_total", Unit::Count, "Gaps told to readers, by kind of topic.");
    describe_gauge!("tidings_presences", Unit::Count, "Entries of presence that this node knows of, on all nodes.");
    describe_gauge!("tidings_presences_max", Unit::Count, "Entries that it may know of.");
    describe_gauge!("tidings_presences_own", Unit::Count, "Those that are held on this node.");
    describe_gauge!("tidings_presence_topics", Unit::Count, "Topics on which somebody is present or is watched for.");
    describe_counter!(
        "tidings_presence_differed_total",
        Unit::Count,
        "How often another node's entries were not what it had told."
    );
    describe_gauge!("tidings_nodes_up", Unit::Count, "Other nodes of the cluster that are up.");
    describe_counter!("tidings_frames_refused_total", Unit::Count, "Frames of other nodes that were dropped as none.");
    describe_counter!("tidings_frames_damaged_total", Unit::Count, "Of these, those that were damaged on their way.");
    describe_gauge!("tidings_journal_behind", Unit::Count, "Messages of this node that are not in the journal yet.");
    describe_counter!("tidings_journal_failures_total", Unit::Count, "Writes into the journal that failed.");
    describe_counter!(
        "tidings_evicted_total",
        Unit::Count,
        "Messages let go of because all bytes were taken, by kind."
    );
}

/// Records the figures of a hub, as they are now.
pub fn record(hub: &Hub) {
    let (info, limits) = (hub.info(), hub.limits());
    gauge!("tidings_topics_max").set(limits.topics_max as f64);
    gauge!("tidings_readers").set(info.readers as f64);
    gauge!("tidings_readers_max").set(limits.readers_max as f64);
    gauge!("tidings_held_bytes_max").set(info.bytes_max as f64);
    gauge!("tidings_nodes_up").set(hub.nodes().iter().filter(|member| member.state == MemberState::Up).count() as f64);
    gauge!("tidings_presences").set(info.presence.entries as f64);
    gauge!("tidings_presences_max").set(info.presence.entries_max as f64);
    gauge!("tidings_presences_own").set(info.presence.own as f64);
    gauge!("tidings_presence_topics").set(info.presence.topics as f64);
    counter!("tidings_presence_differed_total").absolute(info.presence.differed);
    counter!("tidings_frames_refused_total").absolute(hub.frames_refused());
    counter!("tidings_frames_damaged_total").absolute(hub.frames_damaged());
    if let Some(journal) = hub.journal() {
        gauge!("tidings_journal_behind").set(journal.behind as f64);
        counter!("tidings_journal_failures_total").absolute(journal.failures);
    }
    // The one kind whose values are replaced.
    counter!("tidings_skipped_total").absolute(info.state.skipped);
    for (kind, of_kind) in info.kinds() {
        let kind = kind.as_str();
        gauge!("tidings_topics", "kind" => kind).set(of_kind.topics as f64);
        gauge!("tidings_held_messages", "kind" => kind).set(of_kind.held as f64);
        gauge!("tidings_held_bytes", "kind" => kind).set(of_kind.held_bytes as f64);
        counter!("tidings_published_total", "kind" => kind).absolute(of_kind.published);
        counter!("tidings_delivered_total", "kind" => kind).absolute(of_kind.delivered);
        counter!("tidings_gaps_total", "kind" => kind).absolute(of_kind.gaps);
        counter!("tidings_evicted_total", "kind" => kind).absolute(of_kind.evicted);
    }
}
