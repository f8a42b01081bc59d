//! Hosts on one machine: network namespaces, with addresses of their own and cables between.

use std::{fs, net::Ipv4Addr, path::PathBuf, process::Command};

/// A network of hosts. All is gone when it is dropped.
#[derive(Debug)]
pub struct Net {
    prefix: String,
    hosts: usize,
}

/// Runs a command, or says what went wrong and what to do.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run ({error}): install iproute2"));
    let error = String::from_utf8_lossy(&output.stderr);
    let fix = if error.contains("not permitted") { "hosts of their own need root: run this as root" } else { "" };
    assert!(output.status.success(), "`{program} {}` failed: {error}{fix}", arguments.join(" "));
}

fn ip(arguments: &str) {
    run("ip", &arguments.split(' ').collect::<Vec<_>>());
}

impl Net {
    /// So many hosts on one switch.
    ///
    /// # Panics
    /// Without the right to make them; says so.
    #[must_use]
    pub fn new(hosts: usize) -> Self {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("td{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let net = Self { prefix, hosts };
        let switch = net.switch();
        ip(&format!("netns add {switch}"));
        ip(&format!("-n {switch} link add name switch type bridge"));
        ip(&format!("-n {switch} link set switch up"));
        for host in 0..hosts {
            let name = net.host(host);
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link add eth0 type veth peer name v{host} netns {switch}"));
            ip(&format!("-n {switch} link set v{host} master switch up"));
            ip(&format!("-n {name} addr add {}/24 dev eth0", net.addr(host)));
            ip(&format!("-n {name} link set eth0 up"));
            ip(&format!("-n {name} link set lo up"));
            ip(&format!("-n {name} route add 224.0.0.0/4 dev eth0"));
        }
        net
    }

    fn switch(&self) -> String {
        format!("{}-sw", self.prefix)
    }

    /// The namespace of a host.
    #[must_use]
    pub fn host(&self, host: usize) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// The address of a host.
    ///
    /// # Panics
    /// With more hosts than there are addresses.
    #[must_use]
    pub fn addr(&self, host: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(host + 1).expect("a host"))
    }

    /// Pulls a host's cable, or puts it back.
    pub fn cable(&self, host: usize, is_in: bool) {
        ip(&format!("-n {} link set v{host} {}", self.switch(), if is_in { "up" } else { "down" }));
    }

    /// Lets nothing go from one host to another; the way back stays.
    pub fn block(&self, from: usize, to: usize) {
        ip(&format!("-n {} route replace blackhole {}/32", self.host(from), self.addr(to)));
    }

    /// Ends a [`block`](Self::block).
    pub fn unblock(&self, from: usize, to: usize) {
        ip(&format!("-n {} route del blackhole {}/32", self.host(from), self.addr(to)));
    }

    fn etc(&self, host: usize) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.host(host))
    }

    /// Makes a name stand for these hosts, as a host sees it: what its resolver answers from here on.
    ///
    /// # Panics
    /// Without the right to write it.
    pub fn name(&self, host: usize, name: &str, stands_for: &[usize]) {
        let lines = stands_for.iter().map(|other| format!("{} {name}\n", self.addr(*other)));
        let text: String = std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(lines).collect();
        fs::create_dir_all(self.etc(host)).expect("root may write to /etc/netns");
        // In place: a process that runs there has this very file mounted.
        fs::write(self.etc(host).join("hosts"), text).expect("root may write to /etc/netns");
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for namespace in (0..self.hosts).map(|host| self.host(host)).chain([self.switch()]) {
            // What is left over belongs to nobody; there is nobody to tell either.
            let _ = Command::new("ip").args(["netns", "del", &namespace]).output();
        }
        for host in 0..self.hosts {
            let _ = fs::remove_dir_all(self.etc(host));
        }
    }
}
