//! Days and times as custom fields have them: without a zone, in one spelling each.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// `2025-02-20`, years 1 to 9999.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    let date = shaped(text, "0000-00-00").then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())??;
    (date.year() >= 1).then_some(date)
}

/// `09:28` or `09:28:30`.
pub(crate) fn time(text: &str) -> Option<NaiveTime> {
    let format = if shaped(text, "00:00") {
        "%H:%M"
    } else if shaped(text, "00:00:00") {
        "%H:%M:%S"
    } else {
        return None;
    };
    let time = NaiveTime::parse_from_str(text, format).ok()?;
    // chrono takes second 60 for a leap second, which it keeps as too many nanoseconds.
    (time.nanosecond() == 0).then_some(time)
}

/// `2025-02-20T09:27` or `2025-02-20T09:27:30`.
pub(crate) fn date_time(text: &str) -> Option<NaiveDateTime> {
    let (day, hour) = text.split_once('T')?;
    Some(date(day)?.and_time(time(hour)?))
}

/// Whether a text has digits where the pattern has `0`, and the pattern's own characters elsewhere: chrono
/// itself also takes `2025-2-3` and `+12025-02-03`.
fn shaped(text: &str, pattern: &str) -> bool {
    let fits = |(have, want): (u8, u8)| if want == b'0' { have.is_ascii_digit() } else { have == want };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}
