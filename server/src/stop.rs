//! The stop: told by a signal, and over within a limit.

use std::{io, time::Duration};

use tidings_axum::Live;
use tokio::signal::unix::{SignalKind, signal};

/// Streams end at once; a client that does not read its last bytes is left behind after this time.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Resolves when the process is told to stop: SIGTERM, or Ctrl-C.
pub(crate) async fn told() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("no signal can be listened to: the process has to be killed to end");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
}

/// Waits for the server's end, and no longer than [`STOP_WITHIN`] after streams began to be ended.
pub(crate) async fn within_limit(live: &Live, serve: impl Future<Output = io::Result<()>>) -> Result<(), String> {
    let overdue = async {
        live.drained().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        ended = serve => ended.map_err(|error| format!("the server ended: {error}")),
        () = overdue => {
            tracing::warn!(streams = live.open_streams(), "clients do not read their goodbye; stopping without them");
            Ok(())
        }
    }
}
