//! Maintenance windows: times of the week, in a time zone of their own, in which a program may be replaced.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::config::WindowConfig;

/// Why a window can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// A time of day can't be read.
    #[error("a window: \u{ab}{0}\u{bb} is no time of day; write it as 22:00")]
    Time(String),
    /// A day can't be read.
    #[error("a window: \u{ab}{0}\u{bb} is no day; write mon, tue, wed, thu, fri, sat or sun")]
    Day(String),
    /// There is no such time zone here.
    #[error("a window: the time zone \u{ab}{0}\u{bb} is not known here")]
    Zone(String),
}

#[derive(Debug, Clone)]
struct Window {
    days: Vec<Weekday>,
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// The times in which a program may be replaced; none means always.
#[derive(Debug, Clone, Default)]
pub struct Windows(Vec<Window>);

impl Windows {
    /// The windows of a configuration.
    ///
    /// # Errors
    /// If a time, day or zone in one of them can't be read.
    pub fn of(said: &[WindowConfig]) -> Result<Self, WindowError> {
        said.iter().map(Window::of).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the program may be replaced at `now`, in seconds since 1970.
    #[must_use]
    pub fn is_open(&self, now: i64) -> bool {
        let Ok(now) = Timestamp::from_second(now) else { return false };
        self.0.is_empty() || self.0.iter().any(|window| window.is_open(now))
    }
}

impl Window {
    fn of(said: &WindowConfig) -> Result<Self, WindowError> {
        let days = said.days.iter().map(|day| weekday(day)).collect::<Result<_, _>>()?;
        let zone = TimeZone::get(&said.zone).map_err(|_why| WindowError::Zone(said.zone.clone()))?;
        Ok(Self { days, from: time(&said.from)?, to: time(&said.to)?, zone })
    }

    /// By the clock on the wall there: an hour that a change of the clock leaves out is not there, and one that comes
    /// twice counts twice. A window past midnight belongs to the day on which it begins.
    fn is_open(&self, now: Timestamp) -> bool {
        let there = now.to_zoned(self.zone.clone()).datetime();
        let begins_on = |date: jiff::civil::Date| self.days.is_empty() || self.days.contains(&date.weekday());
        let (today, time) = (there.date(), there.time());
        if self.from < self.to {
            return begins_on(today) && self.from <= time && time < self.to;
        }
        let yesterday = today.checked_sub(1.day());
        (begins_on(today) && self.from <= time) || (yesterday.is_ok_and(begins_on) && time < self.to)
    }
}

fn weekday(text: &str) -> Result<Weekday, WindowError> {
    Ok(match text {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        other => return Err(WindowError::Day(other.to_owned())),
    })
}

fn time(text: &str) -> Result<Time, WindowError> {
    let wrong = || WindowError::Time(text.to_owned());
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    if hour.len() != 2 || minute.len() != 2 {
        return Err(wrong());
    }
    let part = |part: &str| part.parse::<i8>().map_err(|_why| wrong());
    Time::new(part(hour)?, part(minute)?, 0, 0).map_err(|_why| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(days: &[&str], from: &str, to: &str, zone: &str) -> Windows {
        let days = days.iter().map(|day| (*day).to_owned()).collect();
        let (from, to, zone) = (from.to_owned(), to.to_owned(), zone.to_owned());
        Windows::of(&[WindowConfig { days, from, to, zone }]).unwrap()
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    /// A129: a window is a time on the wall of its own zone, in summer and in winter.
    #[test]
    fn a_window_follows_its_time_zone() {
        let berlin = windows(&[], "02:00", "04:00", "Europe/Berlin");
        let open = |text| berlin.is_open(at(text));
        assert_eq!([open("2026-01-15T00:59:59Z"), open("2026-01-15T01:00:00Z")], [false, true], "winter");
        assert_eq!([open("2026-07-15T00:00:00Z"), open("2026-07-15T01:59:59Z")], [true, true], "summer");
        assert_eq!([open("2026-07-15T02:00:00Z"), open("2026-07-14T23:59:59Z")], [false, false]);
        let shanghai = windows(&[], "02:00", "04:00", "Asia/Shanghai");
        assert!(
            shanghai.is_open(at("2026-01-14T18:00:00Z")) && !shanghai.is_open(at("2026-01-15T02:00:00Z"))
        );
    }

    /// A129: a window past midnight belongs to the day on which it begins; days are those of the zone.
    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_begins() {
        let friday = windows(&["fri"], "22:00", "04:00", "America/New_York");
        let open = |text| friday.is_open(at(text));
        // Friday, 2 January 2026, 22:00 in New York is Saturday 03:00 UTC.
        assert_eq!([open("2026-01-03T02:59:59Z"), open("2026-01-03T03:00:00Z")], [false, true]);
        assert_eq!([open("2026-01-03T08:59:59Z"), open("2026-01-03T09:00:00Z")], [true, false]);
        assert!(!open("2026-01-04T04:00:00Z"), "the night to Sunday");
        assert!(!open("2026-01-02T04:00:00Z"), "the night to Friday");
    }

    /// A129: the hour that is left out in spring is no window, the one that comes twice in autumn counts twice.
    #[test]
    fn changes_of_the_clock_are_those_of_the_zone() {
        let berlin = windows(&[], "02:00", "03:00", "Europe/Berlin");
        let minutes = |from: &str, count: i64| {
            (0..count).filter(|minute| berlin.is_open(at(from) + minute * 60)).count()
        };
        assert_eq!(minutes("2026-03-28T23:00:00Z", 24 * 60), 0, "29 March has no hour from two to three");
        assert_eq!(minutes("2026-10-24T22:00:00Z", 25 * 60), 120, "25 October has it twice");
        assert_eq!(minutes("2026-06-01T22:00:00Z", 24 * 60), 60);
    }

    #[test]
    fn without_a_window_it_is_always_time() {
        assert!(Windows::default().is_open(0));
        assert_eq!(time("7:00"), Err(WindowError::Time("7:00".to_owned())));
        assert!(time("24:00").is_err() && time("ab:cd").is_err());
    }
}
