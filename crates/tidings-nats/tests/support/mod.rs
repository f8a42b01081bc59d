//! NATS servers of a test's own.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use tidings::conformance::free_addr;

/// For how long a server may take to begin: generous, for a busy machine is no fault.
const SERVER_WAIT: Duration = Duration::from_secs(60);

/// Runs a server for as long as somebody holds the other end of the shell's input: it ends with the test, however that
/// does.
const KEEP: &str = r#"nats-server "$@" & exec 2>/dev/null; pid=$!; read -r _; kill -9 $pid; wait $pid"#;

/// A server's process. It ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    shell: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Begins one with these arguments beside its address, and waits until it takes connections.
    pub(crate) fn start(addr: SocketAddr, more: &[&str]) -> Self {
        if let Err(error) = Command::new("nats-server").arg("--version").stdout(Stdio::null()).status() {
            panic!("there is no nats-server ({error}): install it, on Debian with `apt-get install nats-server`");
        }
        let mut command = Command::new("sh");
        command.args(["-c", KEEP, "sh", "--addr", "127.0.0.1", "--port", &addr.port().to_string()]).args(more);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut shell = spawned.expect("a shell");
        let lines = BufReader::new(shell.stderr.take().expect("it is piped")).lines();
        let (ready, is_ready) = mpsc::channel();
        // Read to its end, so that the server never waits for who reads its log.
        std::thread::spawn(move || {
            let is_told = std::env::var_os("NATS_LOG").is_some();
            for line in lines.map_while(Result::ok) {
                if is_told {
                    eprintln!("{line}");
                }
                if line.contains("Server is ready") {
                    // Nobody may wait any more.
                    let _ = ready.send(());
                }
            }
        });
        let server = Self { shell, addr };
        if is_ready.recv_timeout(SERVER_WAIT).is_err() {
            panic!("the nats-server at {addr} does not become ready: NATS_LOG=1 shows what it says");
        }
        server
    }

    /// One by itself.
    pub(crate) fn alone() -> Self {
        Self::start(free_addr(), &[])
    }

    /// Three that know each other.
    pub(crate) fn three() -> [Self; 3] {
        Self::three_with(|_| Vec::new())
    }

    /// Three that know each other, each with more arguments.
    pub(crate) fn three_with(more: impl Fn(usize) -> Vec<String>) -> [Self; 3] {
        let routes: [_; 3] = std::array::from_fn(|_| free_addr());
        let all = routes.map(|addr| format!("nats://{addr}")).join(",");
        std::array::from_fn(|nth| {
            let cluster = format!("nats://{}", routes[nth]);
            let more = more(nth);
            let mut args = vec!["--cluster_name", "test", "--cluster", &cluster, "--routes", &all];
            args.extend(more.iter().map(String::as_str));
            Self::start(free_addr(), &args)
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.addr)
    }

    /// Ends it without a word, as a crash does.
    pub(crate) fn kill(&mut self) {
        drop(self.shell.stdin.take());
        // An error is a process that was waited for already.
        let _ = self.shell.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until the JetStream of a cluster of servers has somebody who leads it.
pub(crate) async fn jetstream_is_ready(url: &str) {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    let began = std::time::Instant::now();
    let config = || async_nats::jetstream::stream::Config {
        name: "READY".to_owned(),
        subjects: vec!["ready".to_owned()],
        num_replicas: 3,
        ..Default::default()
    };
    while let Err(error) = context.create_stream(config()).await {
        assert!(began.elapsed() < SERVER_WAIT, "JetStream does not become ready: {error}");
        tokio::task::yield_now().await;
    }
    context.delete_stream("READY").await.unwrap();
}

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tidings-nats-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for a server's files");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
