//! Names of guests: what is allowed, and what one is called who has not said.

use super::NAME_CHARS_MAX;
use crate::topics::check_line;

/// The rule for names; the error is for who chose it.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    check_line("name", name, NAME_CHARS_MAX)
}

/// A name for somebody new, by a number drawn at random.
#[cfg(feature = "ssr")]
pub(super) fn first_name(drawn: u16) -> String {
    const HOW: [&str; 16] = [
        "Amber", "Brave", "Calm", "Clear", "Early", "Gentle", "Grey", "High", "Keen", "Late", "Lively", "Quick",
        "Quiet", "Salty", "Silver", "Steady",
    ];
    const WHO: [&str; 16] = [
        "Cormorant",
        "Curlew",
        "Dolphin",
        "Dunlin",
        "Eider",
        "Gannet",
        "Gull",
        "Heron",
        "Otter",
        "Petrel",
        "Plover",
        "Puffin",
        "Seal",
        "Skua",
        "Tern",
        "Turnstone",
    ];
    let (how, who) = (usize::from(drawn) % HOW.len(), usize::from(drawn) / HOW.len() % WHO.len());
    format!("{} {}", HOW[how], WHO[who])
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn every_first_name_is_allowed() {
        let names: std::collections::BTreeSet<_> = (0..=u16::MAX).map(first_name).collect();
        assert_eq!(names.len(), 256);
        assert!(names.iter().all(|name| check_name(name).is_ok()));
        assert!(check_name(" ").is_err() && check_name("a\nb").is_err());
        assert!(check_name(&"x".repeat(NAME_CHARS_MAX + 1)).unwrap_err().contains("25 characters, at most 24"));
    }
}
