//! Where nodes may be found: all that is known of it, from whatever source.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tidings::wire::NodeName;
use tokio::sync::Notify;

/// For how long an address is called that only other nodes have told, and where nobody answers: as long as a cursor
/// lives, for until then somebody may come back to it.
const TOLD_AGE: Duration = Duration::from_secs(3_600);

/// Addresses that other nodes may tell: some times as many as a cursor has origins.
const TOLD_MAX: usize = 1_024;

/// Where a node listens: `host:port`.
///
/// ```
/// # use tidings_zenoh::Address;
/// assert!("10.0.0.2:7447".parse::<Address>().is_ok());
/// assert!("[fd00::2]:7447".parse::<Address>().is_ok());
/// assert!("node-2.internal:7447".parse::<Address>().is_ok());
/// let error = "10.0.0.2".parse::<Address>().unwrap_err();
/// assert_eq!(error.to_string(), "`10.0.0.2` is no address: write host:port, as 10.0.0.2:7447");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

/// A text is no address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no address: write host:port, as 10.0.0.2:7447")]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_host = |host: &str| {
            let name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            !host.is_empty() && host.len() <= 253 && name
        };
        let fits = text.parse::<std::net::SocketAddr>().is_ok()
            || text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
        if fits { Ok(Self(text.to_owned())) } else { Err(AddressError(text.to_owned())) }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(addr: std::net::SocketAddr) -> Self {
        Self(addr.to_string())
    }
}

impl Address {
    /// `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody has called it yet.
    New,
    /// This node itself answers there.
    Own,
    /// This node is linked to one there, here or by another address.
    Linked(NodeName),
    /// Why there is no link.
    Trouble(String),
}

#[derive(Debug)]
struct Known {
    /// The places of discovery that name it, by their number.
    sources: BTreeSet<usize>,
    /// Until when it is called because another node has told it.
    told_until: Option<Instant>,
    state: State,
    /// A task calls it.
    called: bool,
}

/// All addresses. Cheap calls, no waiting.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    known: Mutex<BTreeMap<Address, Known>>,
    /// There are addresses that nobody calls yet.
    pub(crate) found: Notify,
}

impl Addresses {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Address, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place of discovery names these, and no others.
    pub(crate) fn named(&self, source: usize, addresses: BTreeSet<Address>) {
        let mut known = self.lock();
        for (address, entry) in known.iter_mut() {
            if !addresses.contains(address) {
                entry.sources.remove(&source);
            }
        }
        for address in addresses {
            known.entry(address).or_insert_with(Known::new).sources.insert(source);
        }
        drop(known);
        self.found.notify_one();
    }

    /// A place of discovery names this one, too.
    pub(crate) fn also_named(&self, source: usize, address: Address) {
        self.lock().entry(address).or_insert_with(Known::new).sources.insert(source);
        self.found.notify_one();
    }

    /// Another node tells that one is there.
    pub(crate) fn told(&self, addresses: impl IntoIterator<Item = Address>) {
        let mut known = self.lock();
        let mut room = TOLD_MAX.saturating_sub(known.values().filter(|entry| entry.told_until.is_some()).count());
        for address in addresses {
            if !known.contains_key(&address) && room == 0 {
                continue;
            }
            let entry = known.entry(address).or_insert_with(|| {
                room -= 1;
                Known::new()
            });
            entry.told_until = Some(Instant::now() + TOLD_AGE);
        }
        drop(known);
        self.found.notify_one();
    }

    /// The addresses that a task has to call; from here on they are called.
    pub(crate) fn to_call(&self) -> Vec<Address> {
        let mut known = self.lock();
        let new = known.iter_mut().filter(|(_, entry)| !entry.called && entry.state != State::Own);
        new.map(|(address, entry)| {
            entry.called = true;
            address.clone()
        })
        .collect()
    }

    /// Whether an address is still to be called; if not, it is forgotten.
    pub(crate) fn is_wanted(&self, address: &Address) -> bool {
        let mut known = self.lock();
        let Some(entry) = known.get(address) else { return false };
        let told = entry.told_until.is_some_and(|until| Instant::now() < until);
        let wanted = told || !entry.sources.is_empty();
        if !wanted {
            known.remove(address);
        }
        wanted
    }

    /// Notes what came of calling an address; says whether that is news.
    pub(crate) fn is_now(&self, address: &Address, state: State) -> bool {
        let mut known = self.lock();
        let Some(entry) = known.get_mut(address) else { return false };
        if state == State::Own {
            entry.called = false;
        }
        let news = entry.state != state;
        entry.state = state;
        news
    }

    /// The addresses that an operator named, by whatever way, and what is known of them. Those that only other nodes have
    /// told may be of nodes that left for good.
    pub(crate) fn all_named(&self) -> Vec<(Address, State)> {
        let known = self.lock();
        let named = known.iter().filter(|(_, entry)| !entry.sources.is_empty());
        named.map(|(address, entry)| (address.clone(), entry.state.clone())).collect()
    }

    /// Every address and what is known of it.
    pub(crate) fn all(&self) -> Vec<(Address, State)> {
        self.lock().iter().map(|(address, entry)| (address.clone(), entry.state.clone())).collect()
    }

    /// The addresses at which this node is linked to others: what it tells them.
    pub(crate) fn linked(&self) -> Vec<Address> {
        let linked = |(address, state)| matches!(state, State::Linked(_)).then_some(address);
        self.all().into_iter().filter_map(linked).collect()
    }
}

impl Known {
    fn new() -> Self {
        Self { sources: BTreeSet::new(), told_until: None, state: State::New, called: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_called_while_somebody_names_it() {
        let addresses = Addresses::default();
        addresses.named(0, BTreeSet::from([address("a:1"), address("b:1")]));
        addresses.named(1, BTreeSet::from([address("b:1")]));
        assert_eq!(addresses.to_call(), [address("a:1"), address("b:1")]);
        assert!(addresses.to_call().is_empty(), "each is called once");
        addresses.named(0, BTreeSet::new());
        assert!(!addresses.is_wanted(&address("a:1")));
        assert!(addresses.is_wanted(&address("b:1")), "another place names it");
        addresses.named(0, BTreeSet::from([address("a:1")]));
        assert_eq!(addresses.to_call(), [address("a:1")], "named again, called again");
    }

    #[test]
    fn others_cannot_tell_more_than_there_is_room_for() {
        let addresses = Addresses::default();
        addresses.told((0..TOLD_MAX + 10).map(|port| address(&format!("a:{port}"))));
        assert_eq!(addresses.all().len(), TOLD_MAX);
        addresses.told([address("a:0")]);
        assert_eq!(addresses.all().len(), TOLD_MAX);
        addresses.also_named(0, address("b:1"));
        assert!(addresses.is_wanted(&address("b:1")), "what an operator names has room");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a", "a:", ":1", "a:70000", "a b:1", "tcp/a:1", "a:1#x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
