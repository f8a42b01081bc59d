//! What nodes say of themselves when a link begins: question and answer of one form.

use serde::{Deserialize, Serialize};
use tidings::{Kin, Me, wire::NodeName};

use crate::Address;

/// Addresses in one hello: more than a cursor has origins, and a bound for who reads it.
const ADDRESSES_MAX: usize = 512;

/// Bytes of a hello: that many addresses of the longest kind.
const BYTES_MAX: usize = 256 * 1024;

/// Who speaks, where it is reached, and whom it knows. JSON, so that a later build can say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) node: NodeName,
    pub(crate) epoch: u64,
    /// Where the speaker's door is, as the one that is spoken to may reach it.
    #[serde(default)]
    pub(crate) door: Option<Address>,
    /// Where it has found others.
    #[serde(default)]
    pub(crate) knows: Vec<Address>,
}

impl Hello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers have a JSON form")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > BYTES_MAX {
            return Err(format!("a hello of {} bytes", bytes.len()));
        }
        let mut hello: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        hello.knows.truncate(ADDRESSES_MAX);
        Ok(hello)
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
        let says = |node: &str, epoch| Hello { node: node.parse().unwrap(), epoch, door: None, knows: Vec::new() };
        assert_eq!(says("beta", 7).kin(&me), Kin::Other);
        assert_eq!(says("alpha", 7).kin(&me), Kin::Myself);
        assert_eq!(says("alpha", 6).kin(&me), Kin::OlderTwin);
        assert_eq!(says("alpha", 8).kin(&me), Kin::YoungerTwin);
    }

    #[test]
    fn a_hello_of_a_later_build_is_understood() {
        let text = br#"{"node":"alpha","epoch":7,"colour":"blue","knows":["10.0.0.2:7447"]}"#;
        let hello = Hello::decode(text).unwrap();
        assert_eq!((hello.node.as_str(), hello.epoch, hello.knows.len()), ("alpha", 7, 1));
        for hostile in [&b""[..], b"{}", b"\xff", br#"{"node":"a/b","epoch":7}"#, br#"{"node":"a","epoch":-1}"#] {
            assert!(Hello::decode(hostile).is_err());
        }
    }
}
