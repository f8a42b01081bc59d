//! Page ids: unguessable, and of no use to anybody else.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tidings::Principal;

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

    /// Issues an id: 128 random bits, and their MAC (HMAC-SHA-256, RFC 2104, cut to 128 bits) together with the
    /// principal.
    pub(crate) fn issue(&self, who: &Principal) -> Result<String, getrandom::Error> {
        let mut bytes = [0; NONCE_BYTES];
        getrandom::fill(&mut bytes)?;
        let mac = self.mac(&bytes, who).finalize().into_bytes();
        Ok(URL_SAFE_NO_PAD.encode([&bytes[..], &mac[..MAC_BYTES]].concat()))
    }

    /// Whether an id was issued to this principal.
    pub(crate) fn verify(&self, page: &str, who: &Principal) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(page) else { return false };
        let Some((nonce, mac)) = bytes.split_at_checked(NONCE_BYTES) else { return false };
        // `verify_truncated_left` takes any length, also none.
        mac.len() == MAC_BYTES && self.mac(nonce, who).verify_truncated_left(mac).is_ok()
    }

    fn mac(&self, nonce: &[u8], who: &Principal) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(nonce);
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
    fn a_page_id_is_of_use_to_its_principal_alone() {
        let secret = Secret::random().unwrap();
        let (ann, nobody) = (Principal::named("ann"), Principal::anonymous());
        let page = secret.issue(&ann).unwrap();
        assert!(secret.verify(&page, &ann));
        assert!(!secret.verify(&page, &Principal::named("bob")));
        assert!(!secret.verify(&page, &nobody));
        assert!(!secret.verify(&secret.issue(&nobody).unwrap(), &Principal::named("")));
        assert!(!Secret::random().unwrap().verify(&page, &ann), "another cluster's");
        for wrong in ["", "A", &page[..22], &format!("{page}AAAA")] {
            assert!(!secret.verify(wrong, &ann), "{wrong:?}");
        }
        assert_ne!(page, secret.issue(&ann).unwrap());
    }
}
