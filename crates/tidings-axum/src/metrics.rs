//! `GET /metrics`: the node's figures as Prometheus reads them.

use std::sync::Arc;

use ::metrics::{Unit, describe_gauge, gauge, with_local_recorder};
use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{HeaderValue, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::Live;

/// The text format, [version 0.0.4](https://prometheus.io/docs/instrumenting/exposition_formats/).
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

#[derive(Clone)]
struct Figures {
    live: Live,
    /// Of these routes alone: it needs no global recorder, and gets in the way of none.
    recorder: Arc<PrometheusRecorder>,
}

/// `GET /metrics`: the hub's figures and the open streams, in Prometheus' text format; feature `metrics`.
///
/// There are no names of topics in it, and no payloads. It is open to whoever reaches it: keep it away from visitors
/// with a proxy, or with a layer on this router, where the size of your traffic is nobody's business.
///
/// An app that has a recorder of its own calls [`tidings::metrics::record`] instead.
pub fn metrics_routes<S>(live: Live) -> Router<S> {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        tidings::metrics::describe();
        describe_gauge!("tidings_streams", Unit::Count, "Streams that are open over HTTP.");
    });
    Router::new().route("/metrics", get(metrics)).with_state(Figures { live, recorder: Arc::new(recorder) })
}

async fn metrics(State(Figures { live, recorder }): State<Figures>) -> impl IntoResponse {
    with_local_recorder(&*recorder, || {
        tidings::metrics::record(live.hub());
        gauge!("tidings_streams").set(live.open_streams() as f64);
    });
    (
        [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        recorder.handle().render(),
    )
}
