//! When a record says that it was written: RFC 3339, seconds or milliseconds of the Unix epoch, or a format of
//! `strftime`'s letters. By hand, because a library for times is larger than this filter.
//!
//! What a format leaves out is taken from the time that the record came with (a year, a day).

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Rfc3339,
    /// The Unix epoch in seconds, with a fraction or without, and in milliseconds.
    Seconds,
    Milliseconds,
    Letters(String),
}

impl Format {
    /// # Errors
    /// Names the letter that is not known.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut letters = text.chars();
        while let Some(c) = letters.next() {
            let letter = (c == '%').then(|| letters.next().unwrap_or(' '));
            if letter.is_some_and(|letter| !"YmdbHMSfzZeTyaA%".contains(letter)) {
                return Err(format!("`%{}` is not known", letter.unwrap_or(' ')));
            }
        }
        Ok(match text {
            "rfc3339" => Self::Rfc3339,
            "unix" => Self::Seconds,
            "unix_ms" => Self::Milliseconds,
            _ if text.contains('%') => Self::Letters(text.to_owned()),
            _ => return Err("it is `rfc3339`, `unix`, `unix_ms` or a format with `%`".into()),
        })
    }

    /// Nanoseconds since the Unix epoch; none where the text is no such time. `offset`: seconds by which the clock
    /// of what says no zone is ahead of UTC.
    pub(crate) fn read(&self, text: &str, record: u64, offset: i64) -> Option<u64> {
        let nanos = match self {
            Self::Rfc3339 => letters("%Y-%m-%dT%H:%M:%S%f%z", text, record, offset)?,
            Self::Seconds => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                whole.parse::<i64>().ok()?.checked_mul(NANOS)? + of_second(fraction)?
            }
            Self::Milliseconds => text.parse::<i64>().ok()?.checked_mul(1_000_000)?,
            Self::Letters(format) => letters(format, text, record, offset)?,
        };
        u64::try_from(nanos).ok()
    }
}

/// A point in time, as far as it has been read.
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    seconds: i64,
    nanos: i64,
    offset: i64,
}

fn letters(format: &str, text: &str, record: u64, offset: i64) -> Option<i64> {
    let (year, month, day) = date((record / NANOS as u64) as i64 / DAY);
    let mut parts = Parts {
        year,
        month,
        day,
        seconds: 0,
        nanos: 0,
        offset,
    };
    let mut rest = text.trim();
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        rest = match sign {
            '%' => parts.read(signs.next()?, rest)?,
            // RFC 3339 allows a space or a small letter there.
            'T' => rest.strip_prefix(['T', 't', ' '])?,
            ' ' => rest.trim_start(),
            sign => rest.strip_prefix(sign)?,
        };
    }
    let is_date = (1..=12).contains(&parts.month) && (1..=31).contains(&parts.day);
    if !rest.is_empty() || !is_date || parts.seconds > DAY {
        return None;
    }
    let days = days(parts.year, parts.month, parts.day);
    let seconds = days * DAY + parts.seconds - parts.offset;
    seconds.checked_mul(NANOS)?.checked_add(parts.nanos)
}

impl Parts {
    /// Reads what a letter stands for, and gives back what stands behind it.
    fn read<'a>(&mut self, letter: char, text: &'a str) -> Option<&'a str> {
        match letter {
            'Y' => number(text, 4, &mut self.year),
            'y' => {
                let rest = number(text, 2, &mut self.year)?;
                self.year += 2000;
                Some(rest)
            }
            'm' => number(text, 2, &mut self.month),
            'd' | 'e' => number(text.trim_start(), 2, &mut self.day),
            'b' => {
                let name = text.get(..3)?.to_ascii_lowercase();
                let month = MONTHS.iter().position(|month| *month == name)?;
                self.month = month as i64 + 1;
                text.get(3..)
            }
            'a' | 'A' => Some(text.trim_start_matches(|c: char| c.is_alphabetic())),
            'H' => self.clock(text, 3600),
            'M' => self.clock(text, 60),
            'S' => self.clock(text, 1),
            'T' => {
                let rest = self.clock(text, 3600)?.strip_prefix(':')?;
                let rest = self.clock(rest, 60)?.strip_prefix(':')?;
                self.clock(rest, 1)
            }
            // A fraction with its point or comma, or none.
            'f' => {
                let Some(fraction) = text.strip_prefix(['.', ',']) else {
                    return Some(text);
                };
                let end = fraction.find(|c: char| !c.is_ascii_digit());
                let (digits, rest) = fraction.split_at(end.unwrap_or(fraction.len()));
                self.nanos = of_second(digits)?;
                Some(rest)
            }
            'z' | 'Z' => self.zone(text),
            _ => text.strip_prefix('%'),
        }
    }

    fn clock<'a>(&mut self, text: &'a str, seconds: i64) -> Option<&'a str> {
        let mut value = 0;
        let rest = number(text, 2, &mut value)?;
        self.seconds += value * seconds;
        (value <= 60).then_some(rest)
    }

    /// `Z`, `UTC`, `GMT`, `+02:00`, `-0730`, `+02`.
    fn zone<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        for name in ["Z", "z", "UTC", "GMT"] {
            if let Some(rest) = text.strip_prefix(name) {
                self.offset = 0;
                return Some(rest);
            }
        }
        let (offset, rest) = offset(text)?;
        self.offset = offset;
        Some(rest)
    }
}

/// Seconds that a clock is ahead of UTC, and what stands behind them.
pub(crate) fn offset(text: &str) -> Option<(i64, &str)> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.strip_prefix(['+', '-'])?;
    let (mut hours, mut minutes) = (0, 0);
    let mut rest = number(digits, 2, &mut hours)?;
    let behind = rest.strip_prefix(':').unwrap_or(rest);
    if let Some(after) = number(behind, 2, &mut minutes) {
        rest = after;
    }
    Some((sign * (hours * 3600 + minutes * 60), rest))
}

/// At most so many digits, and at least one.
fn number<'a>(text: &'a str, digits: usize, value: &mut i64) -> Option<&'a str> {
    let end = text
        .bytes()
        .take(digits)
        .take_while(u8::is_ascii_digit)
        .count();
    *value = text[..end].parse().ok()?;
    Some(&text[end..])
}

/// Nanoseconds of a fraction's digits; digits behind the ninth do not count.
fn of_second(digits: &str) -> Option<i64> {
    let mut nanos = 0;
    for place in 0..9 {
        let digit = digits
            .as_bytes()
            .get(place)
            .map_or(Some(0), |b| b.checked_sub(b'0'))?;
        nanos = nanos * 10 + i64::from((digit <= 9).then_some(digit)?);
    }
    Some(nanos)
}

/// Days since the Unix epoch. March begins the year here, so that the leap day ends it.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way: year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    /// 2026-11-24T08:00:00Z
    const RECORD: u64 = 1_795_507_200 * SECOND;

    fn read(format: &str, text: &str) -> Option<u64> {
        Format::new(format).unwrap().read(text, RECORD, 0)
    }

    #[test]
    fn times_are_read_in_every_form() {
        for (format, text, wanted) in [
            ("rfc3339", "2026-11-24T08:00:00Z", RECORD),
            (
                "rfc3339",
                "2026-11-24 10:00:00.25+02:00",
                RECORD + SECOND / 4,
            ),
            ("unix", "1795507200", RECORD),
            ("unix", "1795507200.5", RECORD + SECOND / 2),
            ("unix_ms", "1795507200001", RECORD + 1_000_000),
            ("%d/%b/%Y:%H:%M:%S %z", "24/Nov/2026:09:30:00 +0130", RECORD),
            (
                "%Y-%m-%d %T%f",
                "2026-11-24 08:00:00,123456789",
                RECORD + 123_456_789,
            ),
            ("%a %b %e %T %Y", "Tue Nov 24 08:00:00 2026", RECORD),
            // The year and the day are the record's.
            (
                "%b %e %T",
                "Nov  4 08:00:00",
                RECORD - 20 * DAY as u64 * SECOND,
            ),
            ("%H:%M", "08:01", RECORD + 60 * SECOND),
            ("%d.%m.%y %T", "29.02.24 00:00:00", 1_709_164_800 * SECOND),
        ] {
            assert_eq!(read(format, text), Some(wanted), "{text}");
        }
        let ahead = Format::new("%Y-%m-%d %T").unwrap();
        let (two_hours, _) = offset("+02:00").unwrap();
        assert_eq!(
            ahead.read("2026-11-24 10:00:00", RECORD, two_hours),
            Some(RECORD)
        );
    }

    #[test]
    fn what_is_no_such_time_is_none() {
        for (format, text) in [
            ("rfc3339", "2026-13-24T08:00:00Z"),
            ("rfc3339", "2026-11-24T08:00:00Zx"),
            ("rfc3339", "1969-11-24T08:00:00Z"),
            ("rfc3339", ""),
            ("rfc3339", "ü"),
            ("unix", "99999999999999999999"),
            ("unix", "1.x"),
            ("%b", "ü1"),
            ("%H", "99"),
        ] {
            assert_eq!(read(format, text), None, "{format} {text}");
        }
        assert!(Format::new("%Q").unwrap_err().contains("`%Q`"));
        assert!(Format::new("iso").is_err());
    }

    #[test]
    fn every_day_is_found_again() {
        for day in (0..60_000).step_by(7) {
            let (y, m, d) = date(day);
            assert_eq!(days(y, m, d), day);
        }
    }
}
