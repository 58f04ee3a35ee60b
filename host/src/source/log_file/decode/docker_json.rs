//! Lines of docker's `json-file`: `{"log":"text\n","stream":"stdout","time":"..."}`.
//!
//! A log text that does not end with a newline is a piece: docker splits lines at 16 KiB.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::line::Line;
use super::cri::Times;
use crate::record::Stream;
use crate::record::form::Line as Kind;

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

/// Holds a text whose escapes had to be undone.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
}

/// Reads one line without its newline; none if docker did not write it.
pub fn line<'a>(line: &'a [u8], times: &mut Times, scratch: &'a mut Scratch) -> Option<Line<'a>> {
    let entry: Entry<'a> = serde_json::from_slice(line).ok()?;
    let (time, mut form, used) = times.parse(entry.time.as_bytes())?;
    (used == entry.time.len()).then_some(())?;
    let stream = match entry.stream.as_ref() {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        _ => return None,
    };
    let text: &'a str = match entry.log {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => {
            scratch.text = text;
            &scratch.text
        }
    };
    let whole = text.strip_suffix('\n');
    if whole.is_none() {
        form.line = Kind::Joined;
    }
    Some(Line {
        time,
        stream,
        form,
        partial: whole.is_none(),
        text: whole.unwrap_or(text).as_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_line_gives_time_stream_and_text() {
        let mut scratch = Scratch::default();
        let text = br#"{"log":"a \"b\"\n","stream":"stderr","time":"2026-11-23T20:37:01.5Z"}"#;
        let l = line(text, &mut Times::default(), &mut scratch).unwrap();
        assert_eq!(
            (l.stream, l.partial, l.text),
            (Stream::Stderr, false, &b"a \"b\""[..])
        );
        assert_eq!(l.time % 1_000_000_000, 500_000_000);
    }

    #[test]
    fn a_text_without_newline_is_a_piece() {
        let mut scratch = Scratch::default();
        let text = br#"{"log":"half","stream":"stdout","time":"2026-11-23T20:37:01Z"}"#;
        assert!(
            line(text, &mut Times::default(), &mut scratch)
                .unwrap()
                .partial
        );
    }

    #[test]
    fn json_that_docker_did_not_write_is_refused() {
        for text in [
            r"{}",
            r#"{"log":"x\n","stream":"stdout"}"#,
            r#"{"log":"x\n","stream":"other","time":"2026-11-23T20:37:01Z"}"#,
            r#"{"log":"x\n","stream":"stdout","time":"2026-11-23T20:37:01Z!"}"#,
            r#"{"log":"x"#,
        ] {
            let mut scratch = Scratch::default();
            assert_eq!(
                line(text.as_bytes(), &mut Times::default(), &mut scratch),
                None,
                "{text}"
            );
        }
    }
}
