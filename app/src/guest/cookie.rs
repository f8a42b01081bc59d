//! The guest's cookie: signed, so that nobody is somebody else.

use http::{HeaderMap, HeaderValue, header};
use tidings::Principal;
use tidings_axum::Secret;
use tidings_wire::{decode_param, encode_param};

use super::{COLOURS, Guest, check_name, name::first_name};

const COOKIE: &str = "tidings_guest";
const PURPOSE: &str = "guest";
/// A year.
const AGE_S_MAX: u32 = 365 * 24 * 3600;
/// Hexadecimal digits of an id: 64 bits.
const ID_DIGITS: usize = 16;

/// Makes guests and knows them again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guests {
    secret: Secret,
    /// The app is served by https alone: so is the cookie.
    is_secure: bool,
}

impl Guests {
    /// By the secret that all nodes share.
    #[must_use]
    pub fn new(secret: Secret, is_secure: bool) -> Self {
        Self { secret, is_secure }
    }

    /// The guest whose cookie this is; `None` without one, or with one that was not made here.
    #[must_use]
    pub fn guest(&self, headers: &HeaderMap) -> Option<Guest> {
        let (text, mac) = cookie(headers)?.rsplit_once(':')?;
        let is_ours = self.secret.is_signed(PURPOSE, text, mac);
        read(text).filter(|_| is_ours)
    }

    /// Who sends a request, for the hub's rules.
    #[must_use]
    pub fn principal(&self, headers: &HeaderMap) -> Principal {
        self.guest(headers).map_or_else(Principal::anonymous, |guest| Principal::named(&guest.id))
    }

    /// Somebody new. Who was a guest under another secret keeps name and colour, but not the id: that cannot be proved.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn newcomer(&self, headers: &HeaderMap) -> Result<Guest, tidings::PresenceError> {
        let drawn = tidings::random_reference()?;
        let [.., a, b, c] = drawn.to_bytes();
        let known = cookie(headers).and_then(|cookie| read(cookie.rsplit_once(':')?.0));
        let (name, colour) = match known {
            Some(Guest { name, colour, .. }) => (name, colour),
            None => (first_name(u16::from_be_bytes([a, b])), c % COLOURS.len() as u8),
        };
        Ok(Guest { id: drawn.to_string()[..ID_DIGITS].to_owned(), name, colour })
    }

    /// What tells a browser to remember a guest.
    #[must_use]
    pub fn set_cookie(&self, guest: &Guest) -> Option<HeaderValue> {
        let text = write(guest);
        let (mac, secure) = (self.secret.sign(PURPOSE, &text), if self.is_secure { "; Secure" } else { "" });
        let cookie = format!("{COOKIE}={text}:{mac}; Path=/; Max-Age={AGE_S_MAX}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&cookie).ok()
    }
}

/// The alphabet of topic names is allowed in a cookie, and a colon is not in it.
fn write(guest: &Guest) -> String {
    format!("{}:{}:{}", guest.id, guest.colour, encode_param(&guest.name))
}

fn read(text: &str) -> Option<Guest> {
    let mut parts = text.split(':');
    let (id, colour, name) = (parts.next()?, parts.next()?.parse().ok()?, decode_param(parts.next()?)?);
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = is_id && usize::from(colour) < COLOURS.len() && check_name(&name).is_ok() && parts.next().is_none();
    fits.then(|| Guest { id: id.to_owned(), name, colour })
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|cookies| cookies.split(';')).find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests(secret: &str) -> Guests {
        Guests::new(Secret::from_text(secret), false)
    }

    /// As a browser sends it back.
    fn sent(guests: &Guests, guest: &Guest) -> HeaderMap {
        let cookie = guests.set_cookie(guest).unwrap();
        let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("theme=dark; {pair}")).unwrap())])
    }

    #[test]
    fn a_guest_is_known_again_and_nobody_else_is() {
        let guests = guests("one");
        let guest = Guest { name: "Zoë: a/b; 100%".to_owned(), ..guests.newcomer(&HeaderMap::new()).unwrap() };
        let headers = sent(&guests, &guest);
        assert_eq!(guests.guest(&headers).as_ref(), Some(&guest));
        assert_eq!(guests.principal(&headers), Principal::named(&guest.id));
        assert_eq!(guests.principal(&HeaderMap::new()), Principal::anonymous());
        let text = headers[header::COOKIE].to_str().unwrap();
        let other = format!("{:0>16}", "f");
        for forged in [text.replace(&guest.id, &other), text.replace("a~2Fb", "bob"), text[..text.len() - 1].to_owned()]
        {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&forged).unwrap())]);
            assert_eq!(guests.guest(&headers), None, "{forged}");
        }
    }

    #[test]
    fn under_another_secret_name_and_colour_stay() {
        let (before, after) = (guests("one"), guests("two"));
        let guest = Guest { name: "Ann".to_owned(), colour: 3, ..before.newcomer(&HeaderMap::new()).unwrap() };
        let headers = sent(&before, &guest);
        assert_eq!(after.guest(&headers), None);
        let again = after.newcomer(&headers).unwrap();
        assert_eq!((&*again.name, again.colour), ("Ann", 3));
        assert_ne!(again.id, guest.id);
        let secure = Guests::new(Secret::from_text("one"), true).set_cookie(&guest).unwrap();
        assert!(secure.to_str().unwrap().ends_with("HttpOnly; SameSite=Lax; Secure"));
    }
}
