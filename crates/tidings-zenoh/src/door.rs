//! Where the others come in: a session that takes frames, and tells who lives here.

use std::sync::Arc;

use bytes::Bytes;
use tidings::{Kin, Me, wire::NodeName};
use zenoh::{Wait as _, query::Query, sample::Sample};

use crate::{
    carrier::Node,
    config::{self, Dictionary},
    held::Held,
    hello::Hello,
};

/// What can go wrong in Zenoh.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The keys under which a cluster's nodes speak.
#[derive(Debug, Clone)]
pub(crate) struct Keys(String);

impl Keys {
    pub(crate) fn new(cluster: &str) -> Result<Self, Error> {
        // A cluster's name has the form of a node's.
        NodeName::new(cluster).map_err(|error| format!("`{cluster}` cannot be the name of a cluster: {error}"))?;
        Ok(Self(format!("tidings/{cluster}")))
    }

    /// Asked for who lives at a door.
    pub(crate) fn hello(&self) -> String {
        format!("{}/hello", self.0)
    }

    /// There while this start of a node lives.
    pub(crate) fn alive(&self, node: &NodeName, epoch: u64) -> String {
        format!("{}/alive/{node}/{epoch}", self.0)
    }

    /// Frames for this start of a node, from `from`, or from anybody: `*`.
    pub(crate) fn frames(&self, node: &NodeName, epoch: u64, from: &str) -> String {
        format!("{}/frames/{node}/{epoch}/{from}", self.0)
    }
}

/// Opens the door of a node.
pub(crate) async fn open(node: &Arc<Node>) -> Result<Held, Error> {
    let Node { me, options, keys, .. } = &**node;
    let dictionary = options.secret.as_deref().map(Dictionary::new).transpose()?;
    let session = zenoh::open(config::door(options, dictionary.as_ref())?).await.map_err(|error| {
        format!("cannot listen on {}: {error}. Stop what listens there, or choose another address", options.listen)
    })?;
    let session = Held::new(session);
    let inbound = node.inbound.clone();
    session
        .declare_subscriber(keys.frames(&me.node, me.epoch, "*"))
        .callback(move |sample| {
            if let Some((from, frame)) = frame(&sample) {
                // Where the hub has no room, the frame is dropped, and repaired.
                inbound.received(from, frame);
            }
        })
        .background()
        .await?;
    let answers = Arc::downgrade(node);
    session
        .declare_queryable(keys.hello())
        .callback(move |query| {
            if let Some(node) = answers.upgrade() {
                answer(&node, &query);
            }
        })
        .background()
        .await?;
    Ok(session)
}

/// A frame and its sender.
fn frame(sample: &Sample) -> Option<(NodeName, Bytes)> {
    let from = sample.key_expr().as_str().rsplit('/').next()?;
    let from = NodeName::new(from).ok()?;
    // A large frame comes in pieces, and has just been put together: it is not copied once more.
    Some((from, Bytes::from(sample.payload().to_bytes().into_owned())))
}

/// Somebody asks who lives here, and says who asks.
fn answer(node: &Node, query: &Query) {
    let payload = query.payload().map(|payload| payload.to_bytes()).unwrap_or_default();
    let asks = match Hello::decode(&payload) {
        Ok(asks) => asks,
        Err(error) => {
            tracing::debug!(error, "a question that is no hello is not answered");
            return;
        }
    };
    if let Err(error) = query.reply(query.key_expr().clone(), node.hello(None).encode()).wait() {
        tracing::debug!(%error, "a hello could not be answered");
    }
    node.heard_of(&asks);
}

impl Node {
    /// What this node says of itself.
    pub(crate) fn hello(&self, door: Option<crate::Address>) -> Hello {
        let Me { node, epoch } = self.me.clone();
        let knows = if self.options.gossip { self.addresses.linked() } else { Vec::new() };
        Hello { node, epoch, door, knows }
    }

    /// Somebody says at this door who it is. Anybody can say anything there: what follows is only that it is called.
    fn heard_of(&self, hello: &Hello) -> Kin {
        let kin = hello.kin(&self.me);
        match kin {
            Kin::Other if self.options.gossip => {
                self.addresses.told(hello.door.iter().chain(&hello.knows).cloned());
            }
            Kin::OlderTwin | Kin::YoungerTwin => self.addresses.told(hello.door.clone()),
            Kin::Other | Kin::Myself => {}
        }
        kin
    }

    /// Another door has answered: whoever says that lives there. Says what it is to this node.
    pub(crate) fn met(&self, hello: &Hello) -> Kin {
        let kin = self.heard_of(hello);
        match kin {
            Kin::OlderTwin => self.taken(),
            Kin::YoungerTwin => {
                tracing::warn!(node = %self.me.node, "another node has this one's name; it is younger and has to go");
            }
            Kin::Other | Kin::Myself => {}
        }
        kin
    }
}
