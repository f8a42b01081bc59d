//! Page ids: unguessable, of no use to anybody else, and with the name of the node that has the page's stream.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tidings::{Principal, wire::NodeName};

/// Random bytes of a page id.
const NONCE_BYTES: usize = 16;
/// Bytes kept of the MAC: 128 bits.
const MAC_BYTES: usize = 16;

/// The cluster's secret: pages move between nodes, so all nodes have the same.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A secret from configuration; at least 32 bytes of randomness, in any form.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        use sha2::Digest as _;
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// A secret of this process alone: page ids do not outlive it.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Signs a text of the app, a cookie's for example: who does not know the secret cannot make one up. The purpose keeps
    /// apart what is signed for one thing and what for another. 22 characters of base64url.
    ///
    /// ```
    /// # use tidings_axum::Secret;
    /// let secret = Secret::from_text("at least 32 random bytes");
    /// let mac = secret.sign("guest", "ann");
    /// assert!(secret.is_signed("guest", "ann", &mac) && !secret.is_signed("guest", "bob", &mac));
    /// ```
    #[must_use]
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(&self.text_mac(purpose, text).finalize().into_bytes()[..MAC_BYTES])
    }

    /// Whether [`sign`](Self::sign) gave this for that text. Takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn is_signed(&self, purpose: &str, text: &str, mac: &str) -> bool {
        let mac = URL_SAFE_NO_PAD.decode(mac).ok().filter(|mac| mac.len() == MAC_BYTES);
        mac.is_some_and(|mac| self.text_mac(purpose, text).verify_truncated_left(&mac).is_ok())
    }

    /// Under a key of the purpose's own: nothing that is signed here is a page id, or signed for another purpose.
    fn text_mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mut key = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        key.update(b"text of the app: ");
        key.update(purpose.as_bytes());
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.finalize().into_bytes()).expect("of any length");
        mac.update(text.as_bytes());
        mac
    }

    /// Issues an id: 128 random bits and their MAC (HMAC-SHA-256, RFC 2104, cut to 128 bits) together with node and
    /// principal; a dot; the node's name, which `hello` tells as well.
    pub(crate) fn issue(&self, node: &NodeName, who: &Principal) -> Result<String, getrandom::Error> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes)?;
        let mac = self.mac(&bytes, node, who).finalize().into_bytes();
        Ok(format!("{}.{node}", URL_SAFE_NO_PAD.encode([&bytes[..], &mac[..MAC_BYTES]].concat())))
    }

    /// The node that issued an id, if it was issued to this principal.
    pub(crate) fn verify(&self, page: &str, who: &Principal) -> Option<NodeName> {
        // A name may have dots, base64url has none.
        let (id, node) = page.split_once('.')?;
        let node = NodeName::new(node).ok()?;
        let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
        let (nonce, mac) = bytes.split_at_checked(NONCE_BYTES)?;
        // `verify_truncated_left` takes any length, also none.
        let is_ours = mac.len() == MAC_BYTES && self.mac(nonce, &node, who).verify_truncated_left(mac).is_ok();
        is_ours.then_some(node)
    }

    fn mac(&self, nonce: &[u8], node: &NodeName, who: &Principal) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(nonce);
        // A name holds no zero byte: where it ends is not open to choice.
        mac.update(node.as_str().as_bytes());
        mac.update(&[0]);
        // Somebody unknown and somebody with an empty name are two.
        mac.update(&[u8::from(who.name().is_some())]);
        mac.update(who.name().unwrap_or_default().as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_signed_for_one_purpose_by_one_secret() {
        let secret = Secret::random().unwrap();
        let mac = secret.sign("guest", "ann");
        assert!(secret.is_signed("guest", "ann", &mac));
        assert!(!secret.is_signed("guest", "bob", &mac) && !secret.is_signed("invitation", "ann", &mac));
        assert!(!Secret::random().unwrap().is_signed("guest", "ann", &mac), "another cluster's");
        for wrong in ["", "A", &mac[..4], &format!("{mac}AAAA")] {
            assert!(!secret.is_signed("guest", "ann", wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_page_id_is_of_use_to_its_principal_alone() {
        let secret = Secret::random().unwrap();
        let (ann, nobody) = (Principal::named("ann"), Principal::anonymous());
        let (node, other) = (NodeName::new("alpha.one").unwrap(), NodeName::new("alpha.two").unwrap());
        let page = secret.issue(&node, &ann).unwrap();
        assert_eq!(secret.verify(&page, &ann).as_ref(), Some(&node));
        assert_eq!(secret.verify(&page, &Principal::named("bob")), None);
        assert_eq!(secret.verify(&page, &nobody), None);
        assert_eq!(secret.verify(&secret.issue(&node, &nobody).unwrap(), &Principal::named("")), None);
        assert_eq!(Secret::random().unwrap().verify(&page, &ann), None, "another cluster's");
        let elsewhere = page.replace(node.as_str(), other.as_str());
        assert_eq!(secret.verify(&elsewhere, &ann), None, "the node cannot be chosen");
        for wrong in ["", "A", ".", ".alpha.one", "A.alpha.one", &page[..22], &page[..43], &format!("{page}AAAA")] {
            assert_eq!(secret.verify(wrong, &ann), None, "{wrong:?}");
        }
        assert_ne!(page, secret.issue(&node, &ann).unwrap());
    }
}
