//! Times as text in a message: RFC 3339, in UTC to the nanosecond, or as the runtime wrote them.
//! Nearly every record repeats the second of the one before, so that one is kept as text.

use crate::record::Form;

/// `YYYY-MM-DDTHH:MM:SS`.
const SECOND_LEN: usize = 19;
/// `+hh:mm`.
const OFFSET_LEN: usize = 6;

/// Bytes of a time in this form.
#[inline]
#[must_use]
pub fn len(form: Form) -> usize {
    let fraction = match form.digits() {
        0 => 0,
        digits => 1 + digits,
    };
    SECOND_LEN + fraction + form.offset().map_or(1, |_| OFFSET_LEN)
}

/// Writes times; remembers two seconds, since batches of several containers go back and forth between them.
#[derive(Debug, Default)]
pub struct TimeText {
    /// The last even second, and the last odd one, each with its text.
    seconds: [Option<(u64, [u8; SECOND_LEN])>; 2],
}

impl TimeText {
    /// Appends exactly [`len`] bytes.
    #[inline]
    pub fn write(&mut self, nanos: u64, form: Form, out: &mut Vec<u8>) {
        let minutes = form.offset();
        let shift = i64::from(minutes.unwrap_or(0)) * 60 * 1_000_000_000;
        let local = nanos.saturating_add_signed(shift);
        let (second, mut rest) = (local / 1_000_000_000, local % 1_000_000_000);
        let kept = &mut self.seconds[(second % 2) as usize];
        let text = match kept {
            Some((of, text)) if *of == second => text,
            _ => &mut kept.insert((second, text_of(second))).1,
        };
        out.extend_from_slice(text);
        let mut fraction = [b'.'; 10];
        for digit in fraction[1..].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        match form.digits() {
            0 => {}
            digits => out.extend_from_slice(&fraction[..=digits]),
        }
        match minutes {
            None => out.push(b'Z'),
            Some(minutes) => offset(minutes, out),
        }
    }
}

#[cold]
fn text_of(second: u64) -> [u8; SECOND_LEN] {
    let text = crate::sink::rfc3339(second * 1_000_000_000);
    let text = text.as_bytes().first_chunk();
    text.copied().unwrap_or([b'0'; SECOND_LEN])
}

#[cold]
fn offset(minutes: i16, out: &mut Vec<u8>) {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs();
    let text = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(times: &mut TimeText, nanos: u64, form: Form) -> String {
        let mut out = Vec::new();
        times.write(nanos, form, &mut out);
        assert_eq!(out.len(), len(form));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_time_is_written_to_the_nanosecond() {
        let mut times = TimeText::default();
        let (one, two) = (1_795_466_221_123_456_789, 1_795_466_222_000_000_001);
        for nanos in [0, one, two, one + 1, two + 1, one + 2_000_000_000, one] {
            let text = written(&mut times, nanos, Form::default());
            assert_eq!(text, crate::sink::rfc3339(nanos));
        }
    }

    #[test]
    fn a_time_is_written_as_the_runtime_wrote_it() {
        let mut times = TimeText::default();
        let mut write = |form| written(&mut times, 1_768_471_250_250_000_000, form);
        assert_eq!(
            write(Form::of_time(9, Some(120))),
            "2026-01-15T12:00:50.250000000+02:00"
        );
        assert_eq!(
            write(Form::of_time(2, Some(-210))),
            "2026-01-15T06:30:50.25-03:30"
        );
        assert_eq!(write(Form::of_time(0, None)), "2026-01-15T10:00:50Z");
        assert_eq!(
            write(Form::of_time(1, Some(0))),
            "2026-01-15T10:00:50.2+00:00"
        );
    }
}
