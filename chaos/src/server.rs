//! A NATS server's process, on a host of its own, with files that outlive it.

use std::{
    fs::{self, File},
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::watch,
};

use crate::process::{PATIENCE, signal};

/// Where nodes call a server.
pub const PORT: u16 = 4222;

/// Where servers call each other.
const ROUTES: u16 = 6222;

/// Runs a server for as long as somebody holds the other end of the shell's input: it ends with the runner, however that
/// does. Its id comes first.
const KEEP: &str =
    r#"nats-server --config "$1" & pid=$!; echo $pid; exec 2>/dev/null; read -r _; kill -9 $pid; wait $pid"#;

/// How far a server has come.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    takes_connections: bool,
    /// Its JetStream knows who leads that of all servers.
    knows_leader: bool,
}

/// A server that runs. It ends when this is dropped.
#[derive(Debug)]
struct Running {
    shell: Child,
    id: u32,
    begun: watch::Receiver<Begun>,
}

/// A server: one by itself, or one of some that know each other.
#[derive(Debug)]
pub struct Server {
    namespace: String,
    config: PathBuf,
    log: PathBuf,
    is_alone: bool,
    running: Option<Running>,
}

impl Server {
    /// The `nth` of servers at these addresses, with an empty store in a folder; [`start`](Self::start) begins it.
    ///
    /// # Panics
    /// Where nothing can be written there.
    #[must_use]
    pub fn new(namespace: &str, folder: &Path, nth: usize, all: &[Ipv4Addr]) -> Self {
        let (store, config) = (folder.join(format!("server-{nth}")), folder.join(format!("server-{nth}.conf")));
        if store.exists() {
            fs::remove_dir_all(&store).expect("what a run before has left can be removed");
        }
        fs::create_dir_all(&store).expect("a server's files can be written");
        let store = store.canonicalize().expect("a folder that was just made");
        let is_alone = all.len() == 1;
        let own = all[nth];
        let mut text = format!(
            "server_name: server-{nth}\nlisten: \"{own}:{PORT}\"\n# The largest record, and some.\nmax_payload: 2MB\n\
             # Named, for by default it is what the disk has left.\njetstream {{ store_dir: {store:?}, max_file_store: 4GB }}\n"
        );
        if !is_alone {
            let routes: Vec<_> = all.iter().map(|addr| format!("\"nats://{addr}:{ROUTES}\"")).collect();
            let routes = routes.join(", ");
            text += &format!("cluster {{ name: chaos, listen: \"{own}:{ROUTES}\", routes: [{routes}] }}\n");
        }
        fs::write(&config, text).expect("a server's settings can be written");
        let log = folder.join(format!("server-{nth}.log"));
        Self { namespace: namespace.to_owned(), config, log, is_alone, running: None }
    }

    /// Begins it, with what it has kept.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub async fn start(&mut self) {
        let mut shell = Command::new("ip")
            .args(["netns", "exec", &self.namespace, "sh", "-c", KEEP, "sh"])
            .arg(&self.config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut id = BufReader::new(shell.stdout.take().expect("a pipe")).lines();
        let id = id.next_line().await.ok().flatten().and_then(|line| line.parse().ok()).expect("a server's id");
        let mut log = File::options().create(true).append(true).open(&self.log).expect("a log can be written");
        let mut lines = BufReader::new(shell.stderr.take().expect("a pipe")).lines();
        let (tell, begun) = watch::channel(Begun::default());
        tokio::spawn(async move {
            // Read to its end, so that the server never waits for who reads its log.
            while let Ok(Some(line)) = lines.next_line().await {
                tell.send_modify(|begun| {
                    begun.takes_connections |= line.contains("Server is ready");
                    begun.knows_leader |= line.contains("metadata leader") && !line.contains("no metadata leader");
                });
                writeln!(log, "{line}").expect("a log can be written");
            }
        });
        self.running = Some(Running { shell, id, begun });
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// When it does not, or was not started.
    pub async fn ready(&mut self) {
        let is_alone = self.is_alone;
        let running = self.running.as_mut().expect("a server that was started");
        let serves = running.begun.wait_for(|begun| begun.takes_connections && (is_alone || begun.knows_leader));
        let serves = tokio::time::timeout(PATIENCE, serves).await.is_ok_and(|ended| ended.is_ok());
        assert!(serves, "a nats-server does not become ready: see {}", self.log.display());
    }

    /// Ends it as a crash does; its files stay.
    pub async fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.shell.stdin.take());
            // It may have ended already.
            let _ = running.shell.wait().await;
        }
    }

    /// Stops it in its tracks.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn freeze(&self) {
        signal(self.running.as_ref().expect("a server that runs").id, "-STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn thaw(&self) {
        signal(self.running.as_ref().expect("a server that runs").id, "-CONT");
    }
}
