//! Cables that can be cut, and ports for nodes.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Ports below those that the system gives to whoever calls: nobody takes one by chance.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An address of this machine where nobody listens.
pub(crate) fn free_addr() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Tests run side by side, as processes: each begins elsewhere.
    let spread = u16::try_from(std::process::id() % 1_000).unwrap() * 12;
    loop {
        let offset = (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        if StdListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// What a cable does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cable {
    /// It carries.
    Whole,
    /// Both ends notice: connections end.
    Cut,
    /// Nobody notices: what is sent is swallowed, and connections stay.
    Silent,
}

/// A way to an address that can be cut.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    state: Arc<watch::Sender<Cable>>,
}

impl Proxy {
    /// Begins: whoever calls the proxy's address is led to the other one.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(Cable::Whole));
        let proxy = Self { addr, state: state.clone() };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, state.subscribe()));
            }
        });
        proxy
    }

    pub(crate) fn set(&self, cable: Cable) {
        self.state.send_replace(cable);
    }

    /// Cuts it, and waits until nothing passes any more.
    pub(crate) async fn end(&self) {
        self.set(Cable::Cut);
        self.state.closed().await;
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut state: watch::Receiver<Cable>) {
    if *state.borrow_and_update() == Cable::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    loop {
        if *state.borrow() == Cable::Silent {
            // Bytes wait at both ends, and nobody reads them, until the cable is whole again.
            let changed = state.changed().await;
            if changed.is_err() || *state.borrow_and_update() == Cable::Cut {
                return;
            }
            continue;
        }
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            changed = state.changed() => {
                if changed.is_err() || *state.borrow_and_update() == Cable::Cut {
                    return;
                }
            }
        }
    }
}
