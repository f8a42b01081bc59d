//! An in-process carrier with links that can be cut: for tests of clusters without a network.
//!
//! It carries bytes and checks their size, so that what works here is what travels; and it is as slow
//! and as forgetful as a test asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use tidings_wire::NodeName;

use super::{BoxFuture, Carrier, EngineError, Inbound, Me, SendError};
use crate::{FRAME_BYTES_MAX, lock, sync::Mutex};

/// A network inside one process, for tests. Cheap to clone; all clones are one network.
///
/// ```
/// use std::time::Duration;
/// use tidings::{Hub, Payload, testing::Mesh};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mesh = Mesh::default();
/// let (alpha, beta) = (Hub::solo("alpha")?, Hub::solo("beta")?);
/// alpha.connect(mesh.carrier()).await?;
/// beta.connect(mesh.carrier()).await?;
/// assert_eq!(beta.wait_for_nodes(1, Duration::from_secs(10)).await, 1);
///
/// let mut subscription = beta.subscribe("news")?;
/// subscription.ready().await;
/// alpha.broadcast("news", Payload::of("hello")?)?;
/// subscription.next().await;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Mesh(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<NodeName, Node>,
    /// Directed links that carry nothing.
    cut: BTreeSet<(NodeName, NodeName)>,
    /// Of each directed link, how many frames are to be lost.
    losing: BTreeMap<(NodeName, NodeName), usize>,
}

#[derive(Debug)]
struct Node {
    epoch: u64,
    inbound: Inbound,
    /// Whom it was told to be up.
    sees: BTreeSet<NodeName>,
}

/// One node's end of a [`Mesh`].
#[derive(Debug)]
pub struct MeshCarrier {
    mesh: Mesh,
    me: Mutex<Option<Me>>,
}

impl Mesh {
    /// An end of it, for [`Hub::connect`](crate::Hub::connect).
    #[must_use]
    pub fn carrier(&self) -> MeshCarrier {
        MeshCarrier { mesh: self.clone(), me: Mutex::default() }
    }

    /// Cuts the link between two nodes, both ways: each loses sight of the other.
    ///
    /// # Panics
    /// When a name is not valid for a node.
    pub fn cut(&self, a: &str, b: &str) {
        let (a, b) = (name(a), name(b));
        self.change(|state| state.cut.extend([(a.clone(), b.clone()), (b, a)]));
    }

    /// Cuts one direction: nothing of `from` reaches `to`, which loses sight of it.
    ///
    /// # Panics
    /// When a name is not valid for a node.
    pub fn cut_one_way(&self, from: &str, to: &str) {
        let link = (name(from), name(to));
        self.change(|state| {
            state.cut.insert(link);
        });
    }

    /// Heals all links.
    pub fn heal(&self) {
        self.change(|state| state.cut.clear());
    }

    /// Loses the next so many frames from one node to another, without a word.
    ///
    /// # Panics
    /// When a name is not valid for a node.
    pub fn lose(&self, from: &str, to: &str, frames: usize) {
        lock(&self.0).losing.insert((name(from), name(to)), frames);
    }

    /// Ends a node as a crash does: its frames are gone, and the others lose sight of it.
    ///
    /// # Panics
    /// When the name is not valid for a node.
    pub fn kill(&self, node: &str) {
        self.change(|state| {
            state.nodes.remove(&name(node));
        });
    }

    /// Takes out this start of a node. Another one may have its name by now.
    fn remove(&self, me: &Me) {
        self.change(|state| {
            if state.nodes.get(&me.node).is_some_and(|node| node.epoch == me.epoch) {
                state.nodes.remove(&me.node);
            }
        });
    }

    /// Changes the network, and tells everybody whom that brought or took.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0);
        change(&mut state);
        let State { nodes, cut, .. } = &mut *state;
        let all: Vec<_> = nodes.keys().cloned().collect();
        for (name, node) in nodes.iter_mut() {
            let reaches = |other: &&NodeName| *other != name && !cut.contains(&((*other).clone(), name.clone()));
            let now: BTreeSet<_> = all.iter().filter(reaches).cloned().collect();
            for gone in node.sees.difference(&now) {
                node.inbound.down(gone.clone(), "the link is cut");
            }
            for come in now.difference(&node.sees) {
                node.inbound.up(come.clone());
            }
            node.sees = now;
        }
    }

    fn send(&self, from: &NodeName, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        let mut state = lock(&self.0);
        let link = (from.clone(), to.clone());
        if let Some(left) = state.losing.get_mut(&link).filter(|left| **left > 0) {
            *left -= 1;
            return Ok(());
        }
        let is_cut = state.cut.contains(&link);
        let node = state.nodes.get(to).ok_or(SendError::Unknown)?;
        assert!(frame.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", frame.len());
        // What is cut swallows what it is given, as a cable does.
        match is_cut || node.inbound.received(from.clone(), frame) {
            true => Ok(()),
            false => Err(SendError::Full),
        }
    }
}

fn name(name: &str) -> NodeName {
    NodeName::new(name).expect("a valid name of a node")
}

impl Carrier for MeshCarrier {
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move {
            if lock(&self.mesh.0).nodes.contains_key(&me.node) {
                return Err(EngineError::NameTaken { node: me.node });
            }
            *lock(&self.me) = Some(me.clone());
            self.mesh.change(|state| {
                let Me { node, epoch } = me;
                state.nodes.insert(node, Node { epoch, inbound, sees: BTreeSet::new() });
            });
            Ok(())
        })
    }

    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        let me = lock(&self.me).as_ref().map(|me| me.node.clone()).ok_or(SendError::Unknown)?;
        self.mesh.send(&me, to, frame)
    }

    fn probe(&self, node: &NodeName) -> BoxFuture<'_, bool> {
        let answers = lock(&self.mesh.0).nodes.contains_key(node);
        Box::pin(async move { answers })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        let me = lock(&self.me).take();
        Box::pin(async move {
            if let Some(me) = me {
                self.mesh.remove(&me);
            }
        })
    }
}
