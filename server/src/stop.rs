//! The stop: told by a signal, and over within a limit.

use std::{io, time::Duration};

use tidings_axum::Live;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Streams end at once; a client that does not read its last bytes is left behind after this time.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The signals that tell the process to stop: SIGTERM, and Ctrl-C.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from here on. Before anything else is begun: a signal that comes while the server starts would end the
    /// process on the spot, or be lost.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves when one came.
    pub(crate) async fn told(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
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
