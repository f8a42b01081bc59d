//! What an operator decides.

use std::{path::PathBuf, time::Duration};

/// How a node takes part in its cluster.
#[derive(Clone)]
#[non_exhaustive]
pub struct NatsOptions {
    /// Where the servers are, as `nats://10.0.0.2:4222` or `10.0.0.2:4222`. One of a cluster of servers is enough, for it
    /// tells of the others; name more, so that a node can begin while one is down. Default `127.0.0.1:4222`.
    pub servers: Vec<String>,
    /// The cluster's name: nodes of another one on the same servers are not heard. Letters, digits, `_` and `-`. Default
    /// `tidings`.
    pub cluster: String,
    /// Who this node says that it is. Default nobody.
    pub credentials: Credentials,
    /// What is sent cannot be read on the way. Default no: then it can.
    pub tls: Option<Tls>,
    /// A node of which nothing is heard for this long is down. Default 5 s: longer than a server takes to come back, or
    /// a node to find another one. Nodes tell each other four times in it that they live.
    pub lease: Duration,
    /// What the servers' JetStream keeps, so that all nodes may stop. Default nothing.
    pub journal: Option<JournalOptions>,
}

/// Who a node says that it is.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Nobody: a server that asks for nothing.
    #[default]
    None,
    /// A user, and a password.
    User(String, String),
    /// A token.
    Token(String),
    /// A file with a user's JWT and key, as `nsc` makes it.
    File(PathBuf),
}

/// Certificates, PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The authority that has signed the servers' certificates, where this machine does not know it already.
    pub authority: Option<PathBuf>,
    /// This node's certificate and private key, where the servers ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Takes servers whose certificates this authority has signed.
    #[must_use]
    pub fn authority(mut self, pem: impl Into<PathBuf>) -> Self {
        self.authority = Some(pem.into());
        self
    }

    /// Shows this certificate.
    #[must_use]
    pub fn certificate(mut self, pem: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some((pem.into(), key.into()));
        self
    }
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            servers: vec!["127.0.0.1:4222".to_owned()],
            cluster: "tidings".to_owned(),
            credentials: Credentials::None,
            tls: None,
            lease: Duration::from_secs(5),
            journal: None,
        }
    }
}

impl NatsOptions {
    /// Sets [`servers`](Self::servers).
    #[must_use]
    pub fn servers<S: Into<String>>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.servers = servers.into_iter().map(Into::into).collect();
        self
    }

    /// Sets [`cluster`](Self::cluster).
    #[must_use]
    pub fn cluster(mut self, name: &str) -> Self {
        name.clone_into(&mut self.cluster);
        self
    }

    /// Sets [`credentials`](Self::credentials).
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets [`tls`](Self::tls).
    #[must_use]
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Sets [`lease`](Self::lease).
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets [`journal`](Self::journal).
    #[must_use]
    pub fn journal(mut self, journal: Option<JournalOptions>) -> Self {
        self.journal = journal;
        self
    }
}

/// What JetStream keeps of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalOptions {
    /// Messages of each Events topic. Default 1,000; more than the largest `keep` of a topic is of no use.
    pub history_max: u32,
    /// Bytes of all Events topics. Default 1 GiB. When they are spent nothing more is written, and nothing goes.
    pub history_bytes_max: u64,
    /// Bytes of all State topics. Default 512 MiB. When they are spent nothing more is written, and nothing goes.
    pub values_bytes_max: u64,
    /// On how many servers of a cluster each record is kept. Default 1; with 3, one of three may be lost.
    pub replicas: usize,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { history_max: 1_000, history_bytes_max: 1 << 30, values_bytes_max: 512 << 20, replicas: 1 }
    }
}

impl JournalOptions {
    /// Sets [`history_max`](Self::history_max).
    #[must_use]
    pub fn history_max(mut self, messages: u32) -> Self {
        self.history_max = messages;
        self
    }

    /// Sets [`history_bytes_max`](Self::history_bytes_max) and [`values_bytes_max`](Self::values_bytes_max).
    #[must_use]
    pub fn bytes_max(mut self, history: u64, values: u64) -> Self {
        (self.history_bytes_max, self.values_bytes_max) = (history, values);
        self
    }

    /// Sets [`replicas`](Self::replicas).
    #[must_use]
    pub fn replicas(mut self, servers: usize) -> Self {
        self.replicas = servers;
        self
    }
}

// By hand, for a secret has no place in a log. An address may hold one before its `@`.
impl std::fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers: Vec<_> = self.servers.iter().filter_map(|server| server.rsplit('@').next()).collect();
        f.debug_struct("NatsOptions")
            .field("servers", &servers)
            .field("cluster", &self.cluster)
            .field("credentials", &self.credentials)
            .field("tls", &self.tls)
            .field("lease", &self.lease)
            .field("journal", &self.journal)
            .finish()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::User(name, _) => f.debug_tuple("User").field(name).field(&"…").finish(),
            Self::Token(_) => f.debug_tuple("Token").field(&"…").finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_the_log() {
        let options = NatsOptions::default().servers(["nats://me:hidden@10.0.0.2:4222"]);
        for secret in [Credentials::User("me".into(), "hidden".into()), Credentials::Token("hidden".into())] {
            let told = format!("{:?}", options.clone().credentials(secret));
            assert!(!told.contains("hidden") && told.contains("10.0.0.2:4222"), "{told}");
        }
    }
}
