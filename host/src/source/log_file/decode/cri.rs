//! Lines of containerd and CRI-O: `<RFC 3339 time> <stdout|stderr> <tags> <text>`.
//!
//! The first tag is `P` (more of this line follows) or `F` (full); more tags may follow after
//! colons. Times have up to nine digits of fraction, trailing zeros cut, and any offset. The line
//! format is Kubernetes' (`kubernetes/design-proposals-archive`, "CRI: Log management").

use super::super::line::Line;
use crate::record::Stream;
use crate::record::form::{Form, Line as Kind};

/// Reads one line without its newline; none if it is no CRI line.
#[inline]
#[must_use]
pub fn line<'a>(line: &'a [u8], times: &mut Times) -> Option<Line<'a>> {
    // A fraction has nine digits at most, so the head's blanks stand within the first 64 bytes.
    let (time, mut form, used) = times.parse(line)?;
    let rest = line.get(used..)?;
    let (stream, rest) = if let Some(rest) = rest.strip_prefix(b" stdout ") {
        (Stream::Stdout, rest)
    } else {
        (Stream::Stderr, rest.strip_prefix(b" stderr ")?)
    };
    let (partial, text) = match rest {
        [b'F', b' ', text @ ..] => (false, text),
        [b'P', b' ', text @ ..] => (true, text),
        _ => tagged(rest)?,
    };
    if partial {
        form.line = Kind::Joined;
    }
    Some(Line {
        time,
        stream,
        form,
        partial,
        text,
    })
}

/// `F` or `P` with more tags behind it, or with no text at all.
#[cold]
fn tagged(rest: &[u8]) -> Option<(bool, &[u8])> {
    let (tags, text) = match memchr::memchr(b' ', rest) {
        Some(blank) => (&rest[..blank], &rest[blank + 1..]),
        None => (rest, &[][..]),
    };
    let partial = match tags.first()? {
        b'P' => true,
        b'F' => false,
        _ => return None,
    };
    matches!(tags.get(1), None | Some(b':')).then_some((partial, text))
}

/// Reads RFC 3339 times; remembers the last second, since nearly every line repeats it.
#[derive(Debug, Default)]
pub struct Times {
    /// `YYYY-MM-DDTHH:MM:SS` of the last line.
    second: [u8; 19],
    /// The same, in seconds since the Unix epoch, as if it were UTC.
    seconds: u64,
}

impl Times {
    /// Reads the time that `line` starts with: nanoseconds since the Unix epoch, how it is written,
    /// and its length.
    #[inline]
    pub fn parse(&mut self, line: &[u8]) -> Option<(u64, Form, usize)> {
        self.second(line.first_chunk()?)?;
        let mut at = 19;
        let (mut nanos, mut digits) = (0, 0);
        if line.get(at) == Some(&b'.') {
            at += 1;
            (nanos, digits) = fraction(&line[at..])?;
            at += usize::from(digits);
        }
        // 64 bits of nanoseconds end in the year 2554: what is later is no time.
        let base = self
            .seconds
            .checked_mul(1_000_000_000)?
            .checked_add(nanos)?;
        if line.get(at) == Some(&b'Z') {
            return Some((base, Form::of_time(digits, None), at + 1));
        }
        offset(line.get(at..at + 6)?).map(|minutes| {
            let shift = i64::from(minutes) * 60 * 1_000_000_000;
            let form = Form::of_time(digits, Some(minutes));
            (base.saturating_add_signed(-shift), form, at + 6)
        })
    }
}

impl Times {
    /// `YYYY-MM-DDTHH:MM:SS` in seconds since the Unix epoch, as if it were UTC.
    #[inline]
    pub(super) fn second(&mut self, second: &[u8; 19]) -> Option<u64> {
        if *second != self.second {
            self.seconds = civil(second)?;
            self.second = *second;
        }
        Some(self.seconds)
    }
}

/// One to nine digits of a fraction, as nanoseconds, and how many there were.
#[inline]
pub(super) fn fraction(digits: &[u8]) -> Option<(u64, u8)> {
    // The usual nine at once: eight digits by three multiplications, then the ninth.
    if let Some(nine) = digits.first_chunk::<9>()
        && let Some(eight) = eight_digits(&nine[..8])
        && nine[8].is_ascii_digit()
    {
        return Some((eight * 10 + u64::from(nine[8] - b'0'), 9));
    }
    let mut value = 0;
    let mut count = 0_u8;
    while let Some(d) = digits
        .get(usize::from(count))
        .filter(|d| d.is_ascii_digit())
    {
        if count == 9 {
            return None;
        }
        value = value * 10 + u64::from(d - b'0');
        count += 1;
    }
    let scale = 10_u64.pow(9 - u32::from(count));
    (count > 0).then_some((value * scale, count))
}

/// Eight ASCII digits as a number; the arithmetic works on all of them in one word.
#[inline]
fn eight_digits(bytes: &[u8]) -> Option<u64> {
    let word = u64::from_le_bytes(bytes.try_into().ok()?);
    let low = word.wrapping_sub(0x3030_3030_3030_3030);
    let high = word.wrapping_add(0x4646_4646_4646_4646);
    if (low | high) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (low * 10 + (low >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// `+hh:mm` or `-hh:mm`, in minutes.
fn offset(text: &[u8]) -> Option<i16> {
    let sign = match text[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    (text[3] == b':').then_some(())?;
    let (hours, minutes) = (two(&text[1..3])?, two(&text[4..6])?);
    let minutes = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(sign * i16::try_from(minutes).ok()?)
}

pub(super) fn two(digits: &[u8]) -> Option<u32> {
    match digits {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => Some(u32::from(a - b'0') * 10 + u32::from(b - b'0')),
        _ => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SS` as seconds since the epoch; none before 1970 or where a field is out of range.
fn civil(text: &[u8; 19]) -> Option<u64> {
    for (at, byte) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        (text[at] == byte).then_some(())?;
    }
    let field = |at: usize| two(&text[at..at + 2]);
    let year = field(0)? * 100 + field(2)?;
    let date = jiff::civil::Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(field(5)?).ok()?,
        i8::try_from(field(8)?).ok()?,
    )
    .ok()?;
    let (hour, minute, second) = (field(11)?, field(14)?, field(17)?);
    // A leap second is written as :60.
    (hour < 24 && minute < 60 && second <= 60).then_some(())?;
    let midnight = date.at(0, 0, 0, 0);
    let midnight = jiff::tz::TimeZone::UTC.to_timestamp(midnight).ok()?;
    let day = u64::try_from(midnight.as_second()).ok()?;
    Some(day + u64::from(hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Line<'_>> {
        line(text.as_bytes(), &mut Times::default())
    }

    #[test]
    fn a_cri_line_gives_time_stream_and_text() {
        let l = read("2026-11-23T20:37:01.123456789Z stderr F hello").unwrap();
        assert_eq!(l.time, 1_795_466_221_123_456_789);
        assert_eq!(
            (l.stream, l.partial, l.text),
            (Stream::Stderr, false, &b"hello"[..])
        );
        assert!(read("2026-11-23T20:37:01Z stdout P x").unwrap().partial);
    }

    #[test]
    fn an_empty_line_is_a_record_without_text() {
        for text in [
            "2026-11-23T20:37:01Z stdout F ",
            "2026-11-23T20:37:01Z stdout F",
        ] {
            assert_eq!(read(text).unwrap().text, b"");
        }
    }

    #[test]
    fn more_tags_may_follow_the_first() {
        let l = read("2026-11-23T20:37:01Z stdout F:x:y text").unwrap();
        assert_eq!((l.partial, l.text), (false, &b"text"[..]));
        assert!(
            read("2026-11-23T20:37:01Z stdout P:x text")
                .unwrap()
                .partial
        );
        assert_eq!(read("2026-11-23T20:37:01Z stdout FX text"), None);
    }

    #[test]
    fn what_is_not_cri_is_refused() {
        for text in [
            "",
            "hello",
            "2026-11-23T20:37:01Z stdin F x",
            "2026-11-23T20:37:01 stdout F x",
            "2026-13-23T20:37:01Z stdout F x",
            "2026-11-23T20:37:01.1234567890Z stdout F x",
            "2026-11-23T20:37:01.Z stdout F x",
            "2026-11-23T20:37:01+25:00 stdout F x",
            "1969-11-23T20:37:01Z stdout F x",
            "2554-07-21T23:34:34Z stdout F x",
            "3026-11-23T20:37:01Z stdout F x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_are_those_that_jiff_reads(
            nanos in 0_u64..4_000_000_000_000_000_000,
            digits in 0_usize..=9,
            minutes in -14 * 60_i32..=14 * 60,
        ) {
            let cut = 10_u64.pow(9 - u32::try_from(digits).unwrap());
            let nanos = nanos / cut * cut;
            let at = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap();
            let local = jiff::tz::Offset::from_seconds(minutes * 60).unwrap().to_datetime(at);
            let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
            let text = format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            let (time, form, used) = Times::default().parse(text.as_bytes()).unwrap();
            prop_assert_eq!((time, used), (nanos, text.len()));
            let fraction = text.split_once('.').map_or(0, |(_, f)| f.len() - "+00:00".len());
            prop_assert_eq!(form.digits(), fraction);
            let signed = if sign == '-' { -minutes } else { minutes };
            prop_assert_eq!(form.offset().map(i32::from), Some(signed));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = line(&bytes, &mut Times::default());
        }
    }
}
