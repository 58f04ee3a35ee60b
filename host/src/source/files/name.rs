//! Which names belong to one file: what is written to, and what rotation made of it.
//!
//! `messages.1`, `messages-20261126`, `messages-20261126.gz` and `app-2026-11-26T07-00-00.000.log` are rotated
//! files of `messages` and `app.log`. A number counts only at the end: `app.1.log` may be anything. In which
//! order they were written is told by when they last were, not by their names, which change.

/// What a name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name that is written to.
    pub base: String,
    pub rotated: bool,
    pub compressed: bool,
}

/// Endings of what is compressed in ways that are not read here, and of what is still being made.
const NOT_READ: [&str; 9] = [
    ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z", ".tmp", ".swp", "~",
];

/// Reads a name; none for what is no text, or not whole yet.
#[must_use]
pub fn read(name: &str) -> Option<Name> {
    if NOT_READ.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let plain = name.strip_suffix(".gz");
    let compressed = plain.is_some();
    let plain = plain.unwrap_or(name);
    let base = without_number(plain).unwrap_or(plain);
    let dated = without_date(base);
    let base = dated.as_deref().unwrap_or(base);
    if base.is_empty() {
        return None;
    }
    Some(Name {
        base: base.to_owned(),
        rotated: base.len() < name.len(),
        compressed,
    })
}

/// Without `.1`: at most three digits, so that a date is not taken for one.
fn without_number(name: &str) -> Option<&str> {
    let (base, number) = name.rsplit_once('.')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && !base.is_empty()).then_some(base)
}

/// Without a date and what follows it, up to the ending.
fn without_date(name: &str) -> Option<String> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.bytes().all(|b| b.is_ascii_alphabetic()) => {
            (stem, &name[stem.len()..])
        }
        _ => (name, ""),
    };
    let starts = stem.bytes().enumerate().skip(1);
    let starts = starts.filter(|(_, byte)| matches!(byte, b'-' | b'.' | b'_'));
    let (at, _) = starts
        .into_iter()
        .find(|(at, _)| is_date(&stem.as_bytes()[at + 1..]))?;
    Some(format!("{}{ending}", &stem[..at]))
}

/// Whether it is a date (`20261126`, `2026-11-26`), and nothing but digits and what parts them.
fn is_date(text: &[u8]) -> bool {
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    let number = |at: std::ops::Range<usize>| {
        digits[at]
            .iter()
            .fold(0_u32, |sum, d| sum * 10 + u32::from(d - b'0'))
    };
    let parts =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_' | b'T' | b'Z');
    (8..=24).contains(&digits.len())
        && text.iter().all(parts)
        && text.first().is_some_and(u8::is_ascii_digit)
        && (1990..2100).contains(&number(0..4))
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_tells_what_was_rotated_and_from_where() {
        for (name, base, compressed) in [
            ("messages", "messages", false),
            ("messages.1", "messages", false),
            ("dmesg.0", "dmesg", false),
            ("messages.12.gz", "messages", true),
            ("messages-20261126", "messages", false),
            ("messages-20261126.gz", "messages", true),
            ("messages-2026112607", "messages", false),
            ("messages-20261126-1795676400.gz", "messages", true),
            ("app-20261126.log", "app.log", false),
            ("ipamd-2026-11-26T07-00-00.000.log", "ipamd.log", false),
            ("ipamd-2026-11-26T07-00-00.000.log.gz", "ipamd.log", true),
            ("app.log.2026-11-26", "app.log", false),
            ("app.log.gz", "app.log", true),
            ("app.1.log", "app.1.log", false),
            ("cloud-init-output.log", "cloud-init-output.log", false),
            ("app-99999999", "app-99999999", false),
            ("v1.1234", "v1.1234", false),
        ] {
            let read = read(name).unwrap();
            assert_eq!(
                (read.base.as_str(), read.compressed),
                (base, compressed),
                "{name}"
            );
            assert_eq!(read.rotated, base != name, "{name}");
        }
    }

    #[test]
    fn what_is_no_text_or_not_whole_is_no_log() {
        for name in [
            "messages.2.xz",
            "messages.1.gz.tmp",
            ".messages.swp",
            "x~",
            ".gz",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read_or_refused(name in "\\PC{0,40}") {
            if let Some(read) = read(&name) {
                prop_assert!(!read.base.is_empty());
            }
        }

        #[test]
        fn what_is_written_to_is_its_own_base(name in "[a-z]{1,8}(\\.log)?", day in 1_u32..29) {
            for end in ["", ".1", ".gz", ".2.gz", &format!("-202611{day:02}"), &format!("-202611{day:02}.gz")] {
                let rotated = format!("{name}{end}");
                prop_assert_eq!(&read(&rotated).unwrap().base, &name, "{}", rotated);
            }
        }
    }
}
