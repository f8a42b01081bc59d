//! Figures as people read them. The same on server and browser: no locale, no time zone.

/// A whole number with its thousands apart: `1,284`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago: `0.4 s ago`, `12 s ago`, `3 min ago`.
pub(crate) fn ago(seconds: f64) -> String {
    match seconds {
        under if under < 1.0 => "just now".to_owned(),
        under if under < 60.0 => format!("{under:.0} s ago"),
        under if under < 3600.0 => format!("{:.0} min ago", (under / 60.0).floor()),
        under if under < 86_400.0 => format!("{:.0} h ago", (under / 3600.0).floor()),
        more => format!("{:.0} d ago", (more / 86_400.0).floor()),
    }
}

/// How long something has lasted: `12 s`, `3 min`.
pub(crate) fn lasted(seconds: f64) -> String {
    match seconds.floor() {
        under if under < 60.0 => format!("{under:.0} s"),
        under if under < 3600.0 => format!("{:.0} min", (under / 60.0).floor()),
        under if under < 86_400.0 => format!("{:.0} h", (under / 3600.0).floor()),
        more => format!("{:.0} d", (more / 86_400.0).floor()),
    }
}

/// Milliseconds, with as many places as tell something: `0.42`, `12.3`, `304`.
pub(crate) fn milliseconds(ms: f32) -> String {
    match ms {
        under if under < 9.995 => format!("{under:.2}"),
        under if under < 99.95 => format!("{under:.1}"),
        more => format!("{more:.0}"),
    }
}

/// Days, and hours to seconds, of a duration: `(3, "04:12:09")`.
pub(crate) fn uptime(seconds: u64) -> (u64, String) {
    (seconds / 86_400, clock(seconds % 86_400))
}

/// The time of day, in UTC: `09:41:02`.
pub(crate) fn time_of_day(ms: u64) -> String {
    clock(ms / 1000 % 86_400)
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The moment as HTML's `datetime` wants it: `2026-11-23T09:41:02Z`.
pub(crate) fn datetime(ms: u64) -> String {
    // Days to a civil date (Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    let days = ms / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{}Z", time_of_day(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!([0, 999, 1000, 1_284_000].map(thousands), ["0", "999", "1,000", "1,284,000"]);
        assert_eq!(
            [0.4, 12.0, 59.4, 125.0, 7300.0, 200_000.0].map(ago),
            ["just now", "12 s ago", "59 s ago", "2 min ago", "2 h ago", "2 d ago"]
        );
        assert_eq!(
            [0.0, 59.9, 60.0, 3599.0, 7300.0, 200_000.0].map(lasted),
            ["0 s", "59 s", "1 min", "59 min", "2 h", "2 d"]
        );
        assert_eq!(
            [0.0, 0.417, 9.99, 9.996, 12.34, 99.96, 304.4].map(milliseconds),
            ["0.00", "0.42", "9.99", "10.0", "12.3", "100", "304"]
        );
        assert_eq!(uptime(3 * 86_400 + 15_129), (3, "04:12:09".to_owned()));
    }

    #[test]
    fn moments_are_civil() {
        assert_eq!(datetime(0), "1970-01-01T00:00:00Z");
        assert_eq!(datetime(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(datetime(1_795_426_862_999), "2026-11-23T09:41:02Z");
        assert_eq!(time_of_day(1_795_426_862_999), "09:41:02");
    }
}
