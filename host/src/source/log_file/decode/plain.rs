//! The time of a plain line, where it tells one, in any form that logs of a node have: RFC 3339 and ISO 8601,
//! syslog's RFC 5424 and RFC 3164, `date`'s (`dmesg -T`), and the time stamp of a JSON object.
//!
//! RFC 3164 has neither year nor zone. The year is the latest one that puts the line no more than a day
//! after it is read: a line of December that is read in January is last year's, and a clock that is a
//! little ahead does no harm. A time without a zone is in the zone that the configuration says, else UTC.
//! The kernel's seconds since boot are no time: nobody else knows when the boot of an old file was.

use super::cri::{Times, fraction, two};

const SECOND: u64 = 1_000_000_000;
const DAY_SECONDS: u64 = 24 * 3600;
/// The years that are tried: the 29th of February comes once in eight of them at the least.
const YEARS_BACK: u16 = 8;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
/// The keys under which JSON objects have their time, and how far from the start they are looked for.
const KEYS: [&[u8]; 4] = [
    b"\"ts\":",
    b"\"time\":",
    b"\"timestamp\":",
    b"\"@timestamp\":",
];
const KEY_WITHIN: usize = 512;

/// Reads times; remembers the last one of syslog's, since lines repeat it.
#[derive(Debug, Default)]
pub struct Stamps {
    /// `Mmm dd hh:mm:ss`, in seconds since the Unix epoch as if it were UTC, and the day on which that held.
    syslog: ([u8; 15], u64, u64),
}

impl Stamps {
    /// The time of a line, nanoseconds since the Unix epoch; none where it tells none. `zone`: minutes
    /// east of UTC for times that name none. `now`: when it is read.
    #[inline]
    pub fn read(&mut self, line: &[u8], zone: i16, now: u64, times: &mut Times) -> Option<u64> {
        match line.first()? {
            b'<' => self.after_priority(line, zone, now, times),
            b'[' => match line.get(1)? {
                b'0'..=b'9' => iso(&line[1..], zone, times),
                _ => dated(&line[1..], zone, times),
            },
            b'{' => in_json(line, zone, times),
            b'0'..=b'9' => iso(line, zone, times),
            b'A'..=b'Z' => match self.syslog(line, now, times) {
                Some(seconds) => at(seconds, 0, zone),
                None => dated(line, zone, times),
            },
            _ => None,
        }
    }

    /// `<34>1 2026-11-26T07:00:00Z ...` of RFC 5424, or `<34>Nov 26 07:00:00 ...` of RFC 3164.
    fn after_priority(
        &mut self,
        line: &[u8],
        zone: i16,
        now: u64,
        times: &mut Times,
    ) -> Option<u64> {
        // At most three digits.
        let end = memchr::memchr(b'>', &line[..line.len().min(5)])?;
        let digits = &line[1..end];
        (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(())?;
        match &line[end + 1..] {
            [b'1', b' ', rest @ ..] => iso(rest, zone, times),
            rest if rest.first()?.is_ascii_digit() => iso(rest, zone, times),
            rest => self
                .syslog(rest, now, times)
                .and_then(|seconds| at(seconds, 0, zone)),
        }
    }

    /// `Mmm dd hh:mm:ss`, followed by a blank: seconds since the Unix epoch, as if it were UTC.
    fn syslog(&mut self, line: &[u8], now: u64, times: &mut Times) -> Option<u64> {
        let stamp: &[u8; 15] = line.first_chunk()?;
        matches!(line.get(15), None | Some(b' ')).then_some(())?;
        let today = now / SECOND / DAY_SECONDS;
        if (self.syslog.0, self.syslog.2) == (*stamp, today) {
            return Some(self.syslog.1);
        }
        let (month, rest) = month(stamp)?;
        let [b' ', tens @ (b' ' | b'0'..=b'3'), ones, b' ', clock @ ..] = rest else {
            return None;
        };
        let tens = if *tens == b' ' { b'0' } else { *tens };
        let latest = now / SECOND + DAY_SECONDS;
        let newest = year_of(latest)?;
        let years = (newest.saturating_sub(YEARS_BACK)..=newest).rev();
        let mut all = years.filter_map(|year| {
            let seconds = civil(year, month, [tens, *ones], clock, times)?;
            (seconds <= latest).then_some(seconds)
        });
        let seconds = all.next()?;
        self.syslog = (*stamp, seconds, today);
        Some(seconds)
    }
}

/// `Thu Nov 26 07:00:00 2026`, with the day in two places, or one and a blank.
fn dated(text: &[u8], zone: i16, times: &mut Times) -> Option<u64> {
    let day: &[u8; 3] = text.first_chunk()?;
    DAYS.contains(&day).then_some(())?;
    let (month, rest) = month(text.get(4..)?)?;
    let [b' ', tens @ (b' ' | b'0'..=b'3'), ones, b' ', rest @ ..] = rest else {
        return None;
    };
    let tens = if *tens == b' ' { b'0' } else { *tens };
    let clock: &[u8; 8] = rest.first_chunk()?;
    let year: &[u8; 4] = rest.get(9..)?.first_chunk()?;
    let year = two(&year[..2])? * 100 + two(&year[2..])?;
    let seconds = civil(
        u16::try_from(year).ok()?,
        month,
        [tens, *ones],
        clock,
        times,
    )?;
    at(seconds, 0, zone)
}

/// Which month `text` starts with, from 1, and what follows.
fn month(text: &[u8]) -> Option<(u8, &[u8])> {
    let (name, rest) = text.split_first_chunk::<3>()?;
    let place = MONTHS.iter().position(|month| *month == name)?;
    Some((u8::try_from(place).ok()? + 1, rest))
}

/// The year of a moment, in UTC.
fn year_of(seconds: u64) -> Option<u16> {
    let moment = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    let date = jiff::tz::TimeZone::UTC.to_datetime(moment).date();
    u16::try_from(date.year()).ok()
}

/// Seconds since the Unix epoch, as if it were UTC.
fn civil(year: u16, month: u8, day: [u8; 2], clock: &[u8], times: &mut Times) -> Option<u64> {
    let clock: &[u8; 8] = clock.first_chunk()?;
    let digit = |of: u16| b'0' + u8::try_from(of % 10).unwrap_or(0);
    let mut text = *b"0000-00-00T00:00:00";
    for (at, of) in [(0, year / 1000), (1, year / 100), (2, year / 10), (3, year)] {
        text[at] = digit(of);
    }
    text[5] = digit(u16::from(month) / 10);
    text[6] = digit(u16::from(month));
    text[8..10].copy_from_slice(&day);
    text[11..].copy_from_slice(clock);
    times.second(&text)
}

/// `2026-11-26T07:00:00`, with a blank for the `T` or slashes in the date; with a fraction behind a point or
/// a comma, and a zone (`Z`, `+02:00`, `+0200`), or without.
fn iso(text: &[u8], zone: i16, times: &mut Times) -> Option<u64> {
    let mut second: [u8; 19] = *text.first_chunk()?;
    if !matches!((second[4], second[7]), (b'-', b'-') | (b'/', b'/')) {
        return None;
    }
    matches!(second[10], b'T' | b't' | b' ').then_some(())?;
    (second[4], second[7], second[10]) = (b'-', b'-', b'T');
    let seconds = times.second(&second)?;
    let mut rest = &text[19..];
    let mut nanos = 0;
    if let [b'.' | b',', digits @ ..] = rest
        && let Some((value, len)) = fraction(digits)
    {
        nanos = value;
        rest = &digits[usize::from(len)..];
    }
    at(seconds, nanos, offset(rest).unwrap_or(zone))
}

/// The zone that stands there, in minutes east of UTC.
fn offset(text: &[u8]) -> Option<i16> {
    let (sign, digits) = match text {
        [b'Z' | b'z', ..] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let hours = two(digits.get(..2)?)?;
    let minutes = match digits.get(2) {
        Some(b':') => two(digits.get(3..5)?)?,
        _ => two(digits.get(2..4)?)?,
    };
    let all = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(sign * i16::try_from(all).ok()?)
}

/// A text or a number of seconds, under one of the usual keys.
fn in_json(line: &[u8], zone: i16, times: &mut Times) -> Option<u64> {
    let head = &line[..line.len().min(KEY_WITHIN)];
    let behind = |key: &&[u8]| Some(memchr::memmem::find(head, key)? + key.len());
    let from = KEYS.iter().find_map(behind)?;
    let value = line[from..].trim_ascii_start();
    match value {
        [b'"', text @ ..] => iso(text, zone, times),
        _ => epoch(value),
    }
}

/// `1795676400.123`: ten digits, so that it is a time of ours.
fn epoch(text: &[u8]) -> Option<u64> {
    let (whole, rest) = text.split_at_checked(10)?;
    let digit = |sum: u64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    };
    let seconds = whole.iter().try_fold(0, digit)?;
    let nanos = match rest {
        [b'.', digits @ ..] => {
            // A float may have more digits than there are nanoseconds.
            let count = digits
                .iter()
                .take(9)
                .take_while(|b| b.is_ascii_digit())
                .count();
            fraction(&digits[..count]).map_or(0, |(nanos, _)| nanos)
        }
        [b'0'..=b'9' | b'e' | b'E', ..] => return None,
        _ => 0,
    };
    at(seconds, nanos, 0)
}

/// Nanoseconds since the Unix epoch; none where no such number is.
fn at(seconds: u64, nanos: u64, zone: i16) -> Option<u64> {
    let base = seconds.checked_mul(SECOND)?.checked_add(nanos)?;
    base.checked_add_signed(-i64::from(zone) * 60 * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Read at 2026-11-26T07:00:00Z.
    const NOW: u64 = 1_795_676_400 * SECOND;

    fn read_at(line: &str, zone: i16, now: u64) -> Option<String> {
        let time = Stamps::default().read(line.as_bytes(), zone, now, &mut Times::default())?;
        let time = jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap();
        Some(time.to_string())
    }

    #[test]
    fn every_usual_form_of_a_time_is_read() {
        for (line, time) in [
            (
                "2026-11-26T06:59:59.5Z host app: x",
                "2026-11-26T06:59:59.5Z",
            ),
            (
                "2026-11-26T06:59:59.123456+02:00 host x",
                "2026-11-26T04:59:59.123456Z",
            ),
            ("2026-11-26T06:59:59-0130 x", "2026-11-26T08:29:59Z"),
            ("2026-11-26 06:59:59,250 INFO x", "2026-11-26T06:59:59.25Z"),
            ("2026/11/26 06:59:59 [error] x", "2026-11-26T06:59:59Z"),
            ("[2026-11-26T06:59:59Z] x", "2026-11-26T06:59:59Z"),
            (
                "<165>1 2026-11-26T06:59:59.003Z host app - - - x",
                "2026-11-26T06:59:59.003Z",
            ),
            ("<34>Nov 26 06:59:59 host su: x", "2026-11-26T06:59:59Z"),
            ("Nov 26 06:59:59 host sshd[7]: x", "2026-11-26T06:59:59Z"),
            ("Nov  6 06:59:59 host x", "2026-11-06T06:59:59Z"),
            (
                "[Thu Nov 26 06:59:59 2026] usb 1-1: x",
                "2026-11-26T06:59:59Z",
            ),
            (
                "{\"level\":\"info\",\"ts\":\"2026-11-26T06:59:59.999Z\",\"msg\":\"x\"}",
                "2026-11-26T06:59:59.999Z",
            ),
            (
                "{\"level\":\"info\",\"ts\":1795676399.5,\"msg\":\"x\"}",
                "2026-11-26T06:59:59.5Z",
            ),
            (
                "{\"time\": \"2026-11-26T06:59:59Z\"}",
                "2026-11-26T06:59:59Z",
            ),
        ] {
            assert_eq!(read_at(line, 0, NOW).as_deref(), Some(time), "{line}");
        }
    }

    #[test]
    fn what_tells_no_time_has_none() {
        for line in [
            "",
            "\tat a.B.c(B.java:1)",
            "[    1.234567] usb 1-1: new device",
            "[12345.678901] late",
            "2026-13-26T06:59:59Z",
            "2026-11-26X06:59:59Z",
            "Nov 31 06:59:59 host x",
            "Nov 26 06:59:59host",
            "Novel 26 06:59:59 x",
            "<1234>Nov 26 06:59:59 x",
            "<>Nov 26 06:59:59 x",
            "{\"ts\":12}",
            "{\"ts\":17956763990}",
            "{\"msg\":\"x\"}",
            "9999-99-99 99:99:99",
        ] {
            assert_eq!(read_at(line, 0, NOW), None, "{line}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_in_the_one_that_is_configured() {
        let two_hours = |line| read_at(line, 120, NOW);
        assert_eq!(
            two_hours("Nov 26 06:00:00 h x").unwrap(),
            "2026-11-26T04:00:00Z"
        );
        assert_eq!(
            two_hours("2026-11-26 06:00:00 x").unwrap(),
            "2026-11-26T04:00:00Z"
        );
        assert_eq!(
            two_hours("2026-11-26 06:00:00Z x").unwrap(),
            "2026-11-26T06:00:00Z"
        );
    }

    #[test]
    fn a_year_that_is_not_written_is_the_latest_that_is_not_to_come() {
        let january = 1_798_765_200 * SECOND; // 2027-01-01T01:00:00Z
        let read = |line| read_at(line, 0, january).unwrap();
        assert_eq!(read("Dec 31 23:59:59 h x"), "2026-12-31T23:59:59Z");
        assert_eq!(read("Jan  1 00:59:59 h x"), "2027-01-01T00:59:59Z");
        // A clock that is ahead, and one that is too much so.
        assert_eq!(read("Jan  2 00:59:59 h x"), "2027-01-02T00:59:59Z");
        assert_eq!(read("Jan  3 00:59:59 h x"), "2026-01-03T00:59:59Z");
        assert_eq!(read("Feb 29 00:00:00 h x"), "2024-02-29T00:00:00Z");
    }

    proptest! {
        #[test]
        fn times_of_the_last_year_are_read_as_they_were_written(
            ago in 0_u64..364 * DAY_SECONDS,
            form in 0_usize..3,
        ) {
            let seconds = NOW / SECOND - ago;
            let at = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
            let at = jiff::tz::TimeZone::UTC.to_datetime(at);
            let month = std::str::from_utf8(MONTHS[usize::try_from(at.month() - 1).unwrap()]).unwrap();
            let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
            let line = match form {
                0 => format!("{month} {:2} {clock} h x", at.day()),
                1 => format!("{} {clock} x", at.date()),
                _ => format!("[Mon {month} {:2} {clock} {}] x", at.day(), at.year()),
            };
            let read = Stamps::default().read(line.as_bytes(), 0, NOW, &mut Times::default());
            prop_assert_eq!(read, Some(seconds * SECOND), "{}", line);
        }

        #[test]
        fn any_bytes_tell_a_time_or_none(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            start in "([\\[<{]?[0-9]{0,4}[-/>A-Z]?|Nov [ 0-9]{2} |\\{\"ts\":)[0-9:. TZ+-]{0,20}",
        ) {
            let line = [start.as_bytes(), &bytes].concat();
            let _ = Stamps::default().read(&line, -90, NOW, &mut Times::default());
        }
    }
}
