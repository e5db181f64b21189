//! Times as people and programs write and read them.

use hve_report::Calendar;
use jiff::{Span, SpanRelativeTo, Timestamp, civil, tz::TimeZone};
use time::{Date, Duration, UtcDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// The moment at which a verb runs, and the zone of the person who runs it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) now: UtcDateTime,
    pub(crate) zone: Zone,
}

/// A time zone, read once: what it says about a moment does not depend on when it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

/// An end of a period on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DayOrMoment {
    Day(Date),
    Moment(UtcDateTime),
}

impl Clock {
    /// Local time with its zone, for eyes.
    pub(crate) fn show(&self, at: UtcDateTime) -> String {
        self.zone.show(at)
    }
}

impl Zone {
    /// The zone of this system and user; UTC where none is set.
    pub(crate) fn system() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// `utc`, `local`, an offset such as `+01:00`, or a name such as `Europe/Berlin`.
    pub(crate) fn parse(text: &str, local: &Self) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
            return Ok(Self(TimeZone::UTC));
        }
        if text.eq_ignore_ascii_case("local") {
            return Ok(local.clone());
        }
        let wrong = || {
            format!(
                "{text:?} is no time zone; write utc, local, an offset such as +01:00, \
                 or a name such as Europe/Berlin"
            )
        };
        if text.starts_with(['+', '-']) {
            let seconds = offset_seconds(text).ok_or_else(wrong)?;
            let offset = jiff::tz::Offset::from_seconds(seconds).map_err(|_| wrong())?;
            return Ok(Self(TimeZone::fixed(offset)));
        }
        TimeZone::get(text).map(Self).map_err(|_| wrong())
    }

    pub(crate) fn calendar(&self) -> Calendar {
        let zone = self.clone();
        Calendar::zone(move |at| zone.offset(at))
    }

    /// The first moment of a day of this zone.
    pub(crate) fn start_of(&self, day: Date) -> Option<UtcDateTime> {
        let year = i16::try_from(day.year()).ok()?;
        let month = i8::try_from(u8::from(day.month())).ok()?;
        let midnight = civil::Date::new(year, month, i8::try_from(day.day()).ok()?)
            .ok()?
            .at(0, 0, 0, 0);
        // Where midnight is skipped, the day begins with the first moment after the gap.
        let first = self.0.to_timestamp(midnight).ok()?;
        UtcDateTime::from_unix_timestamp(first.as_second()).ok()
    }

    fn offset(&self, at: UtcDateTime) -> UtcOffset {
        Timestamp::from_second(at.unix_timestamp())
            .ok()
            .and_then(|at| UtcOffset::from_whole_seconds(self.0.to_offset(at).seconds()).ok())
            .unwrap_or(UtcOffset::UTC)
    }

    /// Local time with the name of the zone.
    pub(crate) fn show(&self, at: UtcDateTime) -> String {
        let Some(local) = at.checked_to_offset(self.offset(at)) else {
            return at.to_string();
        };
        let zone = Timestamp::from_second(at.unix_timestamp()).map_or_else(
            |_| "UTC".to_owned(),
            |at| self.0.to_offset_info(at).abbreviation().to_owned(),
        );
        let (date, time) = (local.date(), local.time());
        let (hour, minute, second) = time.as_hms();
        format!("{date} {hour:02}:{minute:02}:{second:02} {zone}")
    }
}

/// RFC 3339 in UTC, for programs.
pub(crate) fn rfc3339(at: UtcDateTime) -> String {
    // Only years outside 0 to 9999 have no such text.
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

/// Whole seconds since 1970 as RFC 3339 in UTC.
pub(crate) fn from_unix(second: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(second).unwrap_or(if second < 0 {
        UtcDateTime::MIN
    } else {
        UtcDateTime::MAX
    })
}

/// Parses a length of time such as `90s`, `2h 30m` or `1d`; a day has 24 hours.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "write it as 30m, 2h or 1d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    if length.is_negative() {
        return Err(wrong());
    }
    Ok(Duration::seconds(length.as_secs()))
}

/// A length of time in its two largest units, for eyes.
pub(crate) fn show_length(length: Duration) -> String {
    let minutes = length.whole_minutes();
    match (length.whole_days(), length.whole_hours() % 24, minutes % 60) {
        (0, 0, 0) => format!("{}s", length.whole_seconds()),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Parses an RFC 3339 moment.
pub(crate) fn moment(text: &str) -> Result<UtcDateTime, String> {
    UtcDateTime::parse(text, &Rfc3339)
        .map_err(|_| "write it as 2026-12-01T08:00:00Z or 2026-12-01T09:00:00+01:00".to_owned())
}

/// Parses `2026-11-24` or an RFC 3339 moment.
pub(crate) fn day_or_moment(text: &str) -> Result<DayOrMoment, String> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text, format)
        .map(DayOrMoment::Day)
        .or_else(|_| moment(text).map(DayOrMoment::Moment))
        .map_err(|_| "write a day as 2026-11-24, or a moment as 2026-11-24T08:00:00Z".to_owned())
}

/// The period of a report: the first moment, and the first that is no longer in it. A last day
/// is included; a last moment is not.
pub(crate) fn period(
    from: Option<DayOrMoment>,
    to: Option<DayOrMoment>,
    zone: &Zone,
    now: UtcDateTime,
) -> Result<hve_report::Period, String> {
    const DEFAULT_DAYS: Duration = Duration::days(30);
    let calendar = zone.calendar();
    let today = calendar.day(now);
    let far = || "that day is out of reach".to_owned();
    let from = match from {
        Some(DayOrMoment::Moment(at)) => at,
        Some(DayOrMoment::Day(day)) => zone.start_of(day).ok_or_else(far)?,
        None => {
            let day = today.checked_sub(DEFAULT_DAYS).ok_or_else(far)?;
            zone.start_of(day).ok_or_else(far)?
        }
    };
    let after = |day: Date| day.next_day().and_then(|next| zone.start_of(next));
    let to = match to {
        Some(DayOrMoment::Moment(at)) => at,
        Some(DayOrMoment::Day(day)) => after(day).ok_or_else(far)?,
        None => after(today).ok_or_else(far)?,
    };
    if to <= from {
        return Err("the period ends before it begins: --to must be later than --from".to_owned());
    }
    Ok(hve_report::Period { from, to })
}

fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    if !(hours.len() <= 2
        && hours
            .bytes()
            .chain(minutes.bytes())
            .all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, utc_datetime};

    const NOW: UtcDateTime = utc_datetime!(2026-11-24 8:00);

    fn zone(text: &str) -> Zone {
        Zone::parse(text, &Zone(TimeZone::UTC)).unwrap()
    }

    fn check(from: Option<&str>, to: Option<&str>, at: &str, expected: [UtcDateTime; 2]) {
        let end = |text: Option<&str>| text.map(|text| day_or_moment(text).unwrap());
        let period = period(end(from), end(to), &zone(at), NOW).unwrap();
        assert_eq!([period.from, period.to], expected);
    }

    #[test]
    fn the_last_day_belongs_to_the_period() {
        let november = [
            utc_datetime!(2026-11-01 0:00),
            utc_datetime!(2026-12-01 0:00),
        ];
        check(Some("2026-11-01"), Some("2026-11-30"), "utc", november);
        let moments = (
            Some("2026-11-01T00:00:00Z"),
            Some("2026-12-01T01:00:00+01:00"),
        );
        check(moments.0, moments.1, "utc", november);
        let last_30 = [
            utc_datetime!(2026-10-25 0:00),
            utc_datetime!(2026-11-25 0:00),
        ];
        check(None, None, "utc", last_30);
    }

    #[test]
    fn row_62_days_of_a_zone_follow_its_clocks() {
        let day = [
            utc_datetime!(2026-10-24 22:00),
            utc_datetime!(2026-10-25 23:00),
        ];
        check(Some("2026-10-25"), Some("2026-10-25"), "Europe/Berlin", day);
        let fixed = [
            utc_datetime!(2026-10-24 22:30),
            utc_datetime!(2026-10-25 22:30),
        ];
        check(Some("2026-10-25"), Some("2026-10-25"), "+01:30", fixed);
        let berlin = zone("Europe/Berlin").calendar();
        assert_eq!(
            berlin.day(utc_datetime!(2026-10-25 22:59:59)),
            date!(2026 - 10 - 25)
        );
        assert_eq!(
            berlin.day(utc_datetime!(2026-10-25 23:00)),
            date!(2026 - 10 - 26)
        );
    }

    #[test]
    fn a_period_that_ends_before_it_begins_is_refused() {
        let (from, to) = (date!(2026 - 11 - 02), date!(2026 - 11 - 01));
        let (from, to) = (DayOrMoment::Day(from), DayOrMoment::Day(to));
        assert!(period(Some(from), Some(to), &zone("utc"), NOW).is_err());
    }

    #[test]
    fn eyes_see_local_time_with_its_zone() {
        let summer = utc_datetime!(2026-07-01 8:00);
        assert_eq!(zone("Europe/Berlin").show(NOW), "2026-11-24 09:00:00 CET");
        assert_eq!(
            zone("Europe/Berlin").show(summer),
            "2026-07-01 10:00:00 CEST"
        );
        assert_eq!(zone("utc").show(NOW), "2026-11-24 08:00:00 UTC");
        assert_eq!(rfc3339(NOW), "2026-11-24T08:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for wrong in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-31",
            "24.11.2026",
            "2026-11-24 8:00",
        ] {
            assert!(day_or_moment(wrong).is_err(), "{wrong}");
        }
        for wrong in [
            "",
            "+",
            "+24:00",
            "+1:2:3",
            "+001:00",
            "Mars/Olympus",
            "../../etc/passwd",
        ] {
            assert!(Zone::parse(wrong, &Zone(TimeZone::UTC)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_and_shown() {
        for (text, shown) in [
            ("90s", "1m"),
            ("59s", "59s"),
            ("2h 30m", "2h 30m"),
            ("1d", "1d 0h"),
            ("1w", "7d 0h"),
        ] {
            assert_eq!(length(text).map(show_length).as_deref(), Ok(shown));
        }
        for text in ["", "5", "-1h", "1 month", "soon"] {
            assert!(length(text).is_err(), "{text:?}");
        }
    }
}
