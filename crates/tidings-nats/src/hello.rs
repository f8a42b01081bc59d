//! What nodes say of themselves: that they live, and to whom a name belongs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidings::{Kin, Me, wire::NodeName};

/// Bytes of a hello: a name, some numbers, and room for what a later build says.
const BYTES_MAX: usize = 4 * 1024;

/// Who speaks. JSON, so that a later build can say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) node: NodeName,
    pub(crate) epoch: u64,
    /// How long its own lease is: it says that it lives four times in it.
    #[serde(default)]
    pub(crate) lease_ms: u64,
}

impl Hello {
    pub(crate) fn of(me: &Me, lease: Duration) -> Self {
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        Self { node: me.node.clone(), epoch: me.epoch, lease_ms }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers have a JSON form")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("a hello of {} bytes", bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// What the one that speaks is to the one that hears it.
    pub(crate) fn kin(&self, me: &Me) -> Kin {
        me.kin(&self.node, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_with_one_name_the_younger_goes() {
        let me = Me { node: "alpha".parse().unwrap(), epoch: 7 };
        let says = |node: &str, epoch| Hello { node: node.parse().unwrap(), epoch, lease_ms: 0 };
        assert_eq!(says("beta", 7).kin(&me), Kin::Other);
        assert_eq!(says("alpha", 7).kin(&me), Kin::Myself);
        assert_eq!(says("alpha", 6).kin(&me), Kin::OlderTwin);
        assert_eq!(says("alpha", 8).kin(&me), Kin::YoungerTwin);
    }

    #[test]
    fn a_hello_of_a_later_build_is_understood() {
        let hello = Hello::decode(br#"{"node":"alpha","epoch":7,"colour":"blue"}"#).unwrap();
        assert_eq!((hello.node.as_str(), hello.epoch), ("alpha", 7));
        let long = vec![b' '; BYTES_MAX + 1];
        for hostile in [&b""[..], b"{}", b"\xff", br#"{"node":"a/b","epoch":7}"#, br#"{"node":"a","epoch":-1}"#, &long]
        {
            assert!(Hello::decode(hostile).is_err());
        }
    }
}
