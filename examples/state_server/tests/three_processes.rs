//! The example as a reader runs it: three processes, one of which is killed and started again.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

/// Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ports below those that the system gives to whoever calls: nobody takes one by chance.
fn free_ports() -> Vec<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 12;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (first..32_000).filter(is_free).take(3).collect()
}

struct Server {
    process: Child,
    lines: Receiver<String>,
}

impl Server {
    fn start(name: &str, ports: &[u16], at: usize) -> Self {
        let others = ports.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, port)| port.to_string());
        let mut process = Command::new(env!("CARGO_BIN_EXE_state_server"))
            .args([name.to_owned(), ports[at].to_string()].into_iter().chain(others))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { process, lines }
    }

    /// Reads on until a line is as it should be; gives back what was found in it.
    fn until<T>(&self, what: &str, is: impl Fn(&str) -> Option<T>) -> T {
        let (deadline, mut last) = (Instant::now() + PATIENCE, String::new());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            last = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(_) => panic!("it never printed {what}; the last line: {last}"),
            };
            if let Some(found) = is(&last) {
                return found;
            }
        }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was killed already is no error here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a line says of a server: how much is done, by which process, and the rest.
fn of<'a>(line: &'a str, name: &str) -> Option<(u64, u32, &'a str)> {
    let part = line.split(" | ").skip(1).find_map(|part| part.strip_prefix(name)?.strip_prefix(": "))?;
    let (done, rest) = part.split_once(" done by ")?;
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    Some((done.parse().ok()?, rest[..end].parse().ok()?, &rest[end..]))
}

#[test]
fn each_prints_the_state_of_all_and_one_that_was_killed_goes_on() {
    let ports = free_ports();
    let names = ["alpha", "beta", "gamma"];
    let mut servers: Vec<_> = names.iter().enumerate().map(|(at, name)| Server::start(name, &ports, at)).collect();
    for server in &servers {
        server.until("all three, each by its own process", |line| {
            let is_there = |(name, server): (&&str, &Server)| {
                of(line, name).is_some_and(|(_, pid, rest)| pid == server.pid() && rest.is_empty())
            };
            names.iter().zip(&servers).all(is_there).then_some(())
        });
    }
    servers[1].until("that beta has done more than one thing", |line| {
        of(line, "beta").is_some_and(|(done, ..)| done >= 3).then_some(())
    });

    servers[1].kill();
    let killed = servers[1].pid();
    let before = [0, 2].map(|at| {
        servers[at].until("that beta is gone", |line| {
            of(line, "beta").filter(|(_, _, rest)| rest.starts_with(", gone: ")).map(|(done, pid, _)| (done, pid))
        })
    });
    // What it published last, both hold.
    assert_eq!(before[0], before[1]);
    assert_eq!(before[0].1, killed);

    servers[1] = Server::start("beta", &ports, 1);
    let first = servers[1].until("what beta has done", |line| of(line, "beta").map(|(done, ..)| done));
    assert_eq!(first, before[0].0 + 1, "it goes on where it was killed");
    for at in [0, 2] {
        let again = servers[1].pid();
        servers[at].until("that beta is back, and goes on", |line| {
            let is_back = |(done, pid, rest): (u64, u32, &str)| done > before[0].0 && pid == again && rest.is_empty();
            of(line, "beta").is_some_and(is_back).then_some(())
        });
    }
}
