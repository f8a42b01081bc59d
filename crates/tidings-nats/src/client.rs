//! The connection to the servers.

use std::sync::{Arc, Mutex, PoisonError};

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};

use crate::{Credentials, NatsOptions};

/// Commands that wait in the client: with the largest pieces 32 MiB, which a server that comes back is given.
const COMMANDS_MAX: usize = 64;

/// Messages that wait for a task of this process to take them: above that the client drops them.
const UNREAD_MAX: usize = 16_384;

/// Why there is no connection, as far as that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Connected => {
                tracing::info!("connected to the NATS server");
                self.set(None);
            }
            Event::Disconnected => {
                tracing::warn!("the NATS server is lost; calling again, for as long as it takes");
                self.set(Some("the connection was lost".to_owned()));
            }
            Event::SlowConsumer(_) => tracing::debug!("messages of the NATS server were dropped: this process is busy"),
            Event::ClientError(error) => self.set(Some(error.to_string())),
            other => tracing::debug!("the NATS client says: {other}"),
        }
    }
}

/// Connects. A server that does not answer is no reason not to begin: it is called until it does. One that refuses is.
pub(crate) async fn connect(options: &NatsOptions, name: &str) -> Result<(Client, Trouble), String> {
    let servers: Result<Vec<ServerAddr>, _> = options.servers.iter().map(|server| server.parse()).collect();
    // Without the address itself: it may hold a password.
    let servers = servers.map_err(|error| format!("a server's address is none: {error}"))?;
    if servers.is_empty() {
        return Err("no server is named: set `servers`".to_owned());
    }
    let trouble = Trouble::default();
    match with(options, name, &trouble).await?.connect(servers.clone()).await {
        Ok(client) => Ok((client, trouble)),
        Err(error) => match error.kind() {
            ConnectErrorKind::Io | ConnectErrorKind::TimedOut | ConnectErrorKind::Dns => {
                tracing::warn!(%error, "no NATS server answers yet; calling again, for as long as it takes");
                trouble.set(Some(error.to_string()));
                let again = with(options, name, &trouble).await?.retry_on_initial_connect();
                let client = again.connect(servers).await.map_err(|error| error.to_string())?;
                Ok((client, trouble))
            }
            _ => Err(format!("the NATS server takes no connection: {error}; look at `credentials` and `tls`")),
        },
    }
}

async fn with(options: &NatsOptions, name: &str, trouble: &Trouble) -> Result<ConnectOptions, String> {
    let told = trouble.clone();
    let connect = ConnectOptions::new()
        .name(name)
        .client_capacity(COMMANDS_MAX)
        .subscription_capacity(UNREAD_MAX)
        // A server that has vanished is noticed by this alone.
        .ping_interval(options.lease / 2)
        .event_callback(move |event| {
            told.tell(&event);
            std::future::ready(())
        });
    let mut connect = match &options.credentials {
        Credentials::None => connect,
        Credentials::User(user, password) => connect.user_and_password(user.clone(), password.clone()),
        Credentials::Token(token) => connect.token(token.clone()),
        Credentials::File(path) => connect
            .credentials_file(path)
            .await
            .map_err(|error| format!("the credentials in {} cannot be read: {error}", path.display()))?,
    };
    if let Some(tls) = &options.tls {
        connect = connect.require_tls(true);
        if let Some(authority) = &tls.authority {
            connect = connect.add_root_certificates(authority.clone());
        }
        if let Some((certificate, key)) = &tls.certificate {
            connect = connect.add_client_certificate(certificate.clone(), key.clone());
        }
    }
    Ok(connect)
}
