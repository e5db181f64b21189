//! The hours of the week in which an account may be used.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::{DateTime, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use thiserror::Error;
use time::UtcDateTime;

/// Windows of the week in the time of one zone, summer time included.
///
/// Written as `Europe/Berlin Mon-Fri 06:00-20:00, Sat 08:00-12:00`: a zone of the IANA database,
/// UTC where none is named, then windows of days (`Mon`, `Mon-Fri` or `daily`) and times. A window
/// that ends before it begins goes on into the next day. Zones come with the program, so that no
/// file of the system decides.
///
/// ```
/// use hve_types::SignInHours;
/// use time::macros::utc_datetime;
///
/// let hours: SignInHours = "Europe/Berlin Mon-Fri 06:00-20:00".parse()?;
/// assert!(hours.hold(utc_datetime!(2026-11-24 5:00)));
/// assert!(!hours.hold(utc_datetime!(2026-11-24 4:59:59)));
/// # Ok::<(), hve_types::SignInHoursError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInHours {
    zone: TimeZone,
    windows: Vec<Window>,
}

/// So many times on each day from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    first: Weekday,
    last: Weekday,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight, up to 24:00.
    until: u16,
}

impl SignInHours {
    /// Is `at` within a window? The end of a window is outside it.
    #[must_use]
    pub fn hold(&self, at: UtcDateTime) -> bool {
        // Both hold the years -9999 to 9999, but for the last hours.
        Timestamp::from_second(at.unix_timestamp()).is_ok_and(|at| {
            let local = self.zone.to_datetime(at);
            self.windows.iter().any(|window| window.holds(local))
        })
    }
}

impl Window {
    fn holds(&self, at: DateTime) -> bool {
        let minute = minutes(at.hour(), at.minute());
        let (today, yesterday) = (at.weekday(), at.weekday().previous());
        if self.from < self.until {
            return self.on(today) && (self.from..self.until).contains(&minute);
        }
        self.on(today) && minute >= self.from || self.on(yesterday) && minute < self.until
    }

    fn on(&self, day: Weekday) -> bool {
        self.first.until(day) <= self.first.until(self.last)
    }
}

fn minutes(hour: i8, minute: i8) -> u16 {
    u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs())
}

impl FromStr for SignInHours {
    type Err = SignInHoursError;

    fn from_str(text: &str) -> Result<Self, SignInHoursError> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (zone, windows) = match days(word) {
            Ok(_) => (TimeZone::UTC, text),
            Err(_) => (zone(word)?, rest),
        };
        let windows: Vec<Window> = windows.split(',').map(window).collect::<Result<_, _>>()?;
        if windows.len() > WINDOWS_MAX {
            return Err(SignInHoursError::TooMany);
        }
        Ok(Self { zone, windows })
    }
}

fn zone(name: &str) -> Result<TimeZone, SignInHoursError> {
    if name.eq_ignore_ascii_case("UTC") {
        return Ok(TimeZone::UTC);
    }
    let known = TimeZoneDatabase::bundled().get(name);
    known.map_err(|_| SignInHoursError::Zone(name.to_owned()))
}

fn window(text: &str) -> Result<Window, SignInHoursError> {
    let wrong = || SignInHoursError::Window(text.trim().to_owned());
    let mut words = text.split_whitespace();
    let (Some(on), Some(times), None) = (words.next(), words.next(), words.next()) else {
        return Err(wrong());
    };
    let (first, last) = days(on)?;
    let (from, until) = times.split_once('-').ok_or_else(wrong)?;
    let (from, until) = (
        clock(from).ok_or_else(wrong)?,
        clock(until).ok_or_else(wrong)?,
    );
    if from == until || from >= DAY || until == 0 {
        return Err(wrong());
    }
    Ok(Window {
        first,
        last,
        from,
        until,
    })
}

fn days(text: &str) -> Result<(Weekday, Weekday), SignInHoursError> {
    if text.eq_ignore_ascii_case(DAILY) {
        return Ok((Weekday::Monday, Weekday::Sunday));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let wrong = || SignInHoursError::Days(text.to_owned());
    Ok((day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?))
}

fn day(text: &str) -> Option<Weekday> {
    let mut all = DAYS.iter();
    all.find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, day)| *day)
}

/// Minutes after midnight.
fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        }
        _ => None,
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY).then_some(at)
}

impl fmt::Display for SignInHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone.iana_name().unwrap_or("UTC"))?;
        for (n, window) in self.windows.iter().enumerate() {
            f.write_str(if n == 0 { " " } else { ", " })?;
            window.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day| DAYS.iter().find(|(_, of)| *of == day).map_or("", |of| of.0);
        match (self.first, self.last) {
            (Weekday::Monday, Weekday::Sunday) => f.write_str(DAILY)?,
            (first, last) if first == last => f.write_str(name(first))?,
            (first, last) => write!(f, "{}-{}", name(first), name(last))?,
        }
        let (from, until) = (self.from, self.until);
        let (hour, minute) = (from / 60, from % 60);
        write!(
            f,
            " {hour:02}:{minute:02}-{:02}:{:02}",
            until / 60,
            until % 60
        )
    }
}

const DAILY: &str = "daily";
const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Windows; more than two a day would be a mistake.
const WINDOWS_MAX: usize = 14;

/// The text gives no hours of the week.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInHoursError {
    /// Neither days nor a zone.
    #[error("{0:?} are no days; write Mon, Mon-Fri or daily")]
    Days(String),
    /// Too many windows.
    #[error("hours have at most {WINDOWS_MAX} windows; join some")]
    TooMany,
    /// No window.
    #[error("{0:?} is no window; write Mon-Fri 06:00-20:00")]
    Window(String),
    /// No zone.
    #[error("{0:?} is no time zone and no day; write Europe/Berlin Mon-Fri 06:00-20:00")]
    Zone(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::utc_datetime;

    fn hours(text: &str) -> SignInHours {
        text.parse().unwrap()
    }

    #[test]
    fn hours_are_those_of_the_zone_in_summer_and_in_winter() {
        let berlin = hours("Europe/Berlin Mon-Fri 06:00-20:00, Sat 08:00-12:00");
        // A Tuesday in winter (UTC+1), a Wednesday in summer (UTC+2).
        assert!(berlin.hold(utc_datetime!(2026-11-24 5:00)));
        assert!(!berlin.hold(utc_datetime!(2026-11-24 4:59:59)));
        assert!(berlin.hold(utc_datetime!(2026-11-24 18:59:59)));
        assert!(!berlin.hold(utc_datetime!(2026-11-24 19:00)));
        assert!(berlin.hold(utc_datetime!(2026-07-01 4:00)));
        assert!(!berlin.hold(utc_datetime!(2026-07-01 3:59:59)));
        assert!(berlin.hold(utc_datetime!(2026-11-28 10:59)));
        assert!(!berlin.hold(utc_datetime!(2026-11-28 11:00)));
        assert!(!berlin.hold(utc_datetime!(2026-11-29 10:00)));
    }

    #[test]
    fn a_window_goes_on_into_the_next_day_and_into_the_next_week() {
        let night = hours("Fri 22:00-06:00");
        assert!(night.hold(utc_datetime!(2026-11-27 22:00)));
        assert!(night.hold(utc_datetime!(2026-11-28 5:59)));
        assert!(!night.hold(utc_datetime!(2026-11-28 6:00)));
        assert!(!night.hold(utc_datetime!(2026-11-27 5:00)));
        let weekend = hours("Sat-Mon 00:00-24:00");
        for (at, on) in [
            (utc_datetime!(2026-11-27 23:59), false),
            (utc_datetime!(2026-11-29 12:00), true),
            (utc_datetime!(2026-11-30 23:59), true),
            (utc_datetime!(2026-12-01 0:00), false),
        ] {
            assert_eq!(weekend.hold(at), on, "{at}");
        }
    }

    #[test]
    fn they_are_written_as_they_are_read() {
        for text in [
            "UTC daily 00:00-24:00",
            "Europe/Berlin Mon-Fri 06:00-20:00, Sat 08:00-12:00",
            "America/New_York Sun 22:30-05:15",
        ] {
            assert_eq!(hours(text).to_string(), text);
        }
        assert_eq!(
            hours(" mon 06:00-07:00 ").to_string(),
            "UTC Mon 06:00-07:00"
        );
    }

    #[test]
    fn what_is_no_window_is_told_apart() {
        let error = |text: &str| text.parse::<SignInHours>().unwrap_err().to_string();
        assert!(error("Europe/Nowhere Mon 06:00-07:00").contains("no time zone"));
        assert!(error("Mon-Fry 06:00-07:00").contains("no time zone and no day"));
        for bad in [
            "",
            "Mon",
            "Mon 6:00-7:00",
            "Mon 06:00-06:00",
            "Mon 24:00-01:00",
            "Mon 06:60-07:00",
            "Mon 06:00-24:01",
            "Mon 06:00",
            "UTC",
            "Mon 06:00-07:00,",
            "Mon 06:00-00:00",
        ] {
            assert!(bad.parse::<SignInHours>().is_err(), "{bad:?}");
        }
        let many = vec!["Mon 06:00-07:00"; WINDOWS_MAX + 1].join(",");
        assert_eq!(many.parse::<SignInHours>(), Err(SignInHoursError::TooMany));
    }
}
