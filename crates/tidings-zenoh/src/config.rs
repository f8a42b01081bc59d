//! The settings of Zenoh's sessions. Each is a door or a link; neither looks for others by itself.

use std::{fs, io::Write as _, path::PathBuf};

use tidings::FRAME_BYTES_MAX;
use zenoh::Config;

use crate::{Tls, ZenohOptions};

/// What Zenoh knows of the secret: one user for all nodes.
const USER: &str = "tidings";

/// Room for a frame's key and heads.
const MESSAGE_SLACK_BYTES: usize = 64 * 1024;

/// Keep-alives in a lease: some may be late.
const KEEP_ALIVES: usize = 4;

/// What is wrong with a setting.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// A session that listens.
pub(crate) fn door(options: &ZenohOptions, dictionary: Option<&Dictionary>) -> Result<Config, Error> {
    let mut config = common(options)?;
    set(&mut config, "mode", "peer")?;
    set(&mut config, "listen/endpoints", [endpoint(options, &options.listen.to_string())])?;
    set(&mut config, "connect/endpoints", [(); 0])?;
    if let Some(dictionary) = dictionary {
        set(&mut config, "transport/auth/usrpwd/dictionary_file", &dictionary.0)?;
    }
    // Answers who looks for it, where nodes are found that way, and takes nobody up by itself.
    if let Some(group) = options.discovery.iter().find_map(crate::Discovery::group) {
        set(&mut config, "scouting/multicast/enabled", true)?;
        set(&mut config, "scouting/multicast/address", group.to_string())?;
        set(&mut config, "scouting/multicast/listen", true)?;
        set(&mut config, "scouting/multicast/autoconnect", serde_json::json!({ "peer": [], "router": [] }))?;
    }
    Ok(config)
}

/// A session that goes to one door.
pub(crate) fn link(options: &ZenohOptions, to: &str) -> Result<Config, Error> {
    let mut config = common(options)?;
    set(&mut config, "mode", "client")?;
    set(&mut config, "connect/endpoints", [endpoint(options, to)])?;
    // Once, and with an answer: when to call again is decided here, and not by Zenoh.
    set(&mut config, "connect/timeout_ms", 0)?;
    set(&mut config, "connect/exit_on_failure", true)?;
    if let Some(secret) = &options.secret {
        set(&mut config, "transport/auth/usrpwd/user", USER)?;
        set(&mut config, "transport/auth/usrpwd/password", secret)?;
    }
    Ok(config)
}

/// A session that only looks who answers in a multicast group.
pub(crate) fn scout(group: std::net::SocketAddr) -> Result<Config, Error> {
    let mut config = Config::default();
    set(&mut config, "scouting/multicast/enabled", true)?;
    set(&mut config, "scouting/multicast/address", group.to_string())?;
    Ok(config)
}

fn common(options: &ZenohOptions) -> Result<Config, Error> {
    let mut config = Config::default();
    set(&mut config, "scouting/multicast/enabled", false)?;
    set(&mut config, "scouting/gossip/enabled", false)?;
    let lease_ms = u64::try_from(options.lease.as_millis()).unwrap_or(u64::MAX);
    set(&mut config, "transport/link/tx/lease", lease_ms)?;
    set(&mut config, "transport/link/tx/keep_alive", KEEP_ALIVES)?;
    // Who does not take a frame for a whole lease is down.
    let lease_us = i64::try_from(options.lease.as_micros()).unwrap_or(i64::MAX);
    set(&mut config, "transport/link/tx/queue/congestion_control/block/wait_before_close", lease_us)?;
    set(&mut config, "transport/link/rx/max_message_size", FRAME_BYTES_MAX + MESSAGE_SLACK_BYTES)?;
    // All frames are of one importance: one queue, and one order.
    set(&mut config, "transport/unicast/qos/enabled", false)?;
    if let Some(Tls { authority, certificate, key }) = &options.tls {
        set(&mut config, "transport/link/tls/root_ca_certificate", authority)?;
        set(&mut config, "transport/link/tls/enable_mtls", true)?;
        set(&mut config, "transport/link/tls/verify_name_on_connect", true)?;
        for side in ["listen", "connect"] {
            set(&mut config, &format!("transport/link/tls/{side}_certificate"), certificate)?;
            set(&mut config, &format!("transport/link/tls/{side}_private_key"), key)?;
        }
    }
    Ok(config)
}

fn endpoint(options: &ZenohOptions, address: &str) -> String {
    let protocol = if options.tls.is_some() { "tls" } else { "tcp" };
    format!("{protocol}/{address}")
}

fn set(config: &mut Config, key: &str, value: impl serde::Serialize) -> Result<(), Error> {
    let value = serde_json::to_string(&value)?;
    // The value is left out of the message: it may be the secret.
    config.insert_json5(key, &value).map_err(|error| format!("the setting {key} is not valid: {error}").into())
}

/// Zenoh reads from a file whom to let in; gone as soon as it has.
#[derive(Debug)]
pub(crate) struct Dictionary(PathBuf);

impl Dictionary {
    /// Writes it where only this user can read it.
    pub(crate) fn new(secret: &str) -> Result<Self, Error> {
        if secret.is_empty() || secret.contains(['\n', '\r', ':']) {
            return Err("the secret is one line of text, and without a colon".into());
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let name = format!("tidings-{:032x}", u128::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let dictionary = Self(path);
        writeln!(file, "{USER}:{secret}")?;
        Ok(dictionary)
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the file with the secret could not be removed: do it by hand");
        }
    }
}
