//! What nodes tell each other of their streams: the hub carries it, on a Signal topic of our own.
//!
//! A page's call may reach another node than the one that has the page's stream. The page id names that node, so the
//! call goes there as a direct message, and the answer comes back as another. Both may be lost, as a request may: who
//! gets no answer in time says that there is no such page, and the page opens its stream anew, with all its topics.

use std::{sync::Weak, time::Duration};

use serde::{Deserialize, Serialize};
use tidings::{
    Delivery, Payload, Principal, Questions,
    wire::{NodeName, TopicName, live::Change},
};
use tokio::{sync::watch, time::MissedTickBehavior};

use crate::live::{Inner, Live, Undelivered};

/// Topics that begin so are this crate's, and closed to the outside whatever the app declares.
const OURS: &str = "_tidings/";

/// Where nodes write to each other.
const LETTERS: &str = "_tidings/letters";

/// How long a call waits for the answer of its page's node: some repairs of a link (250 ms each), and less than a page
/// waits for.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// A node that is alone looks this often whether it still is.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
enum Letter {
    /// A page's call, for the node of its stream.
    Change { from: NodeName, number: u64, who: Who, change: Change },
    /// How it was taken.
    Answer { number: u64, undelivered: Option<Undelivered> },
    /// The page has opened another stream elsewhere.
    Replaced { who: Who, page: String },
    /// What somebody, or everybody, may read has changed.
    Rights { who: Option<Who> },
}

/// A principal as it travels.
#[derive(Debug, Serialize, Deserialize)]
struct Who(Option<String>);

impl From<&Principal> for Who {
    fn from(who: &Principal) -> Self {
        Self(who.name().map(str::to_owned))
    }
}

impl From<Who> for Principal {
    fn from(who: Who) -> Self {
        who.0.map_or_else(Self::anonymous, |name| Self::named(&name))
    }
}

/// Calls that were sent to other nodes, and how they were taken.
pub(crate) type Asked = Questions<Result<(), Undelivered>>;

/// Whether a topic is this crate's own.
pub(crate) fn is_ours(topic: &TopicName) -> bool {
    topic.as_str().starts_with(OURS)
}

impl Live {
    /// Hands a page's call to the node that has its stream, and waits for the answer.
    pub(crate) async fn forward(&self, node: &NodeName, who: &Principal, change: Change) -> Result<(), Undelivered> {
        let question = self.asked().open().ok_or(Undelivered::TooMany)?;
        let from = self.hub().node_name().clone();
        if !self.write_to(node, &Letter::Change { from, number: question.number(), who: who.into(), change }) {
            return Err(Undelivered::NoSuchPage);
        }
        question.answered(ANSWER_WAIT).await.unwrap_or_else(|| {
            tracing::info!(%node, "the node of a page's stream does not answer");
            Err(Undelivered::NoSuchPage)
        })
    }

    /// Ends the stream that a page had on another node.
    pub(crate) fn replace_at(&self, node: &NodeName, who: &Principal, page: &str) {
        // Should it be lost, that stream ends when its connection does.
        self.write_to(node, &Letter::Replaced { who: who.into(), page: page.to_owned() });
    }

    /// Tells all other nodes that rights have changed.
    pub(crate) fn spread_rights(&self, who: Option<&Principal>) {
        if self.hub().nodes().is_empty() {
            return;
        }
        let letter = Letter::Rights { who: who.map(Who::from) };
        let sent = Payload::of(&letter).map(|payload| self.hub().broadcast_from(self.me(), LETTERS, payload));
        if !matches!(sent, Ok(Ok(_))) {
            tracing::error!(?sent, "other nodes were not told that rights have changed");
        }
    }

    fn me(&self) -> &str {
        self.hub().node_name().as_str()
    }

    /// Sends a letter to one node; says whether it is on its way.
    fn write_to(&self, node: &NodeName, letter: &Letter) -> bool {
        let sent = Payload::of(letter).map(|payload| self.hub().direct_broadcast(node, LETTERS, payload));
        let is_sent = matches!(sent, Ok(Ok(())));
        if !is_sent {
            tracing::debug!(%node, ?sent, "a word to another node was not sent");
        }
        is_sent
    }

    fn read(&self, letter: Letter) {
        match letter {
            Letter::Change { from, number, who, change } => {
                // Asked here, too: that it came over the hub proves nothing.
                let is_theirs = self.secret().verify(&change.page, &who.into()).is_some();
                let taken = if is_theirs { self.change(change) } else { Err(Undelivered::NoSuchPage) };
                self.write_to(&from, &Letter::Answer { number, undelivered: taken.err() });
            }
            Letter::Answer { number, undelivered } => {
                self.asked().answer(number, undelivered.map_or(Ok(()), Err));
            }
            Letter::Replaced { who, page } => {
                if self.secret().verify(&page, &who.into()).is_some() {
                    self.replace(&page);
                }
            }
            Letter::Rights { who } => self.ask_again(who.map(Principal::from).as_ref()),
        }
    }
}

/// Reads what other nodes write, from when there are some until the last handle is gone.
pub(crate) async fn read_letters(live: Weak<Inner>, mut gone: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut letters = loop {
        looks.tick().await;
        let Some(inner) = live.upgrade() else { return };
        let hub = Live::from(inner).hub().clone();
        if hub.nodes().is_empty() {
            continue;
        }
        match hub.subscribe(LETTERS) {
            Ok(letters) => break letters.excluding(hub.node_name().as_str()),
            Err(error) => tracing::error!(%error, "this node cannot hear of other nodes' pages"),
        }
    };
    tokio::select! {
        () = letters.ready() => {}
        () = until_closed(&mut gone) => return,
    }
    if let Some(inner) = live.upgrade() {
        // What was said of rights before may have been said to others only.
        Live::from(inner).ask_again(None);
    }
    loop {
        let delivery = tokio::select! {
            delivery = letters.next() => delivery,
            () = until_closed(&mut gone) => return,
        };
        let Some(inner) = live.upgrade() else { return };
        let live = Live::from(inner);
        match delivery {
            Delivery::Message(entry) => {
                let letter = entry.payload.as_ref().map(|payload| serde_json::from_str(payload.as_str()));
                match letter {
                    Some(Ok(letter)) => live.read(letter),
                    other => tracing::warn!(?other, "a word of another node that this build cannot read"),
                }
            }
            // What was lost may have been of rights; a lost call has its own limit of time.
            Delivery::Gap { .. } => live.ask_again(None),
            _ => {}
        }
    }
}

/// Resolves when the sender is gone.
async fn until_closed(gone: &mut watch::Receiver<bool>) {
    while gone.changed().await.is_ok() {}
}
