//! A node's process, seen from the runner.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    sync::watch,
};

use crate::protocol::{Order, Standing, Told};

/// For how long what must come is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A node's process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    pub name: String,
    child: Child,
    orders: ChildStdin,
    told: Arc<Mutex<Vec<Told>>>,
    count: watch::Receiver<usize>,
    asked: u64,
}

impl Process {
    /// Starts a node; in a network's namespace, if one is named. What it logs goes to a file.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(binary: &Path, namespace: Option<&str>, name: &str, arguments: &[String], log: &Path) -> Self {
        let mut command = match namespace {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        let log = File::options().create(true).append(true).open(log).expect("a log can be written");
        let mut child = command
            .args(["node", "--name", name])
            .args(arguments)
            .env("RUST_LOG", std::env::var("CHAOS_LOG").as_deref().unwrap_or("info,zenoh=warn,async_nats=warn"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("a node's process can be started");
        let orders = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let (counted, count) = watch::channel(0);
        tokio::spawn(collect(lines, told.clone(), counted));
        Self { name: name.to_owned(), child, orders, told, count, asked: 0 }
    }

    /// All that it has told.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much it has told.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until it tells something of this kind, from the `from`-th on; gives back what is made of it.
    ///
    /// # Panics
    /// When it does not come, or the process ends before.
    pub async fn until<T>(&mut self, from: usize, what: &str, find: impl Fn(&Told) -> Option<T>) -> T {
        let mut seen = from;
        let waits = async {
            loop {
                {
                    let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(found) = told[seen.min(told.len())..].iter().find_map(&find) {
                        return Some(found);
                    }
                    seen = told.len();
                }
                // An error is a process that has ended.
                self.count.wait_for(|count| *count > seen).await.ok()?;
            }
        };
        match tokio::time::timeout(PATIENCE, waits).await {
            Ok(Some(found)) => found,
            Ok(None) => panic!("{} ended before {what}", self.name),
            Err(_) => panic!("{}: {what} did not come within {PATIENCE:?}", self.name),
        }
    }

    /// Waits until it takes part; says its epoch.
    pub async fn ready(&mut self) -> u64 {
        self.until(0, "ready", |told| match told {
            Told::Ready { epoch } => Some(*epoch),
            _ => None,
        })
        .await
    }

    /// Gives it an order. A process that has ended takes none.
    pub async fn order(&mut self, order: &Order) {
        let mut line = serde_json::to_string(order).expect("an order has a JSON form");
        line.push('\n');
        let _ = self.orders.write_all(line.as_bytes()).await;
    }

    /// Asks where it stands.
    pub async fn stands(&mut self) -> Standing {
        self.asked += 1;
        let (asked, from) = (self.asked, self.count());
        self.order(&Order::Stand(asked)).await;
        self.until(from, "an answer", |told| match told {
            Told::Stands(standing) if standing.asked == asked => Some(standing.clone()),
            _ => None,
        })
        .await
    }

    /// Has it publish one more message; says its number.
    pub async fn mark(&mut self) -> u64 {
        let from = self.count();
        self.order(&Order::Mark).await;
        self.until(from, "a mark", |told| match told {
            Told::Marked { number } => Some(*number),
            _ => None,
        })
        .await
    }

    fn signal(&self, name: &str) {
        signal(self.child.id().expect("a process that has not been waited for"), name);
    }

    /// Stops it in its tracks.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Ends it as a crash does.
    pub async fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill().await;
    }

    /// Has it leave in order, and waits for its end.
    pub async fn leave(&mut self) {
        self.order(&Order::Leave).await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(
            ended.is_ok_and(|ended| ended.is_ok_and(|status| status.success())),
            "{} did not leave in order",
            self.name
        );
    }

    /// Waits for its end; says whether that was a success.
    pub async fn ended(&mut self) -> bool {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends").expect("it can be waited for").success()
    }
}

/// Sends a process a signal.
pub(crate) fn signal(id: u32, name: &str) {
    let status = std::process::Command::new("kill").args([name, &id.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {name} {id}");
}

async fn collect(
    mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    all: Arc<Mutex<Vec<Told>>>,
    counted: watch::Sender<usize>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let told = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(told);
        counted.send_replace(all.len());
    }
}
