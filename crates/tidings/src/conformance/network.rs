//! Cables that can be cut, and addresses for nodes: for the tests of an engine that reaches its peers over TCP.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Ports below those that the system gives to whoever calls (from 32768 on Linux): nobody takes one by chance.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An address of this machine where nobody listens, and where no outgoing connection begins.
#[must_use]
pub fn free_addr() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests run side by side, as processes: each begins elsewhere.
    let spread = std::process::id() % 1_000 * 12;
    loop {
        let offset = (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(offset).expect("below the number of ports");
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if StdListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// A way to an address that can be cut. Connections that are open then end, at both ends.
#[derive(Debug, Clone)]
pub struct Cable {
    addr: SocketAddr,
    is_cut: Arc<watch::Sender<bool>>,
}

impl Cable {
    /// Begins: whoever calls its [address](Self::addr) is led to the other one.
    ///
    /// # Panics
    /// Where this machine has no free port.
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound socket");
        let is_cut = Arc::new(watch::Sender::new(false));
        let cable = Self { addr, is_cut: is_cut.clone() };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, is_cut.subscribe()));
            }
        });
        cable
    }

    /// Its near end.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Lets new connections through.
    pub fn heal(&self) {
        self.is_cut.send_replace(false);
    }

    /// Cuts it, and waits until nothing passes any more.
    pub async fn end(&self) {
        self.cut();
        self.is_cut.closed().await;
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut is_cut: watch::Receiver<bool>) {
    if *is_cut.borrow_and_update() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
    }
}
