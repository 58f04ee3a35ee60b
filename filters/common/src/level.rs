//! How important a record is, by what it says itself. Loggers say it in a handful of ways: a field of a JSON
//! object or of logfmt, a word near the beginning, klog's first letter.
//!
//! It looks at the beginning only, since whoever writes a level writes it there; a JSON object's field
//! may stand anywhere in the first kilobyte.

use serde::Deserialize;

/// How important a record is, ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Level {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
    Fatal,
}

/// Bytes in which a field is looked for.
const FIELD_BYTES: usize = 1024;
/// Words in which one of the levels' own is looked for.
const WORDS: usize = 6;
/// Bytes that those words are looked for in.
const WORDS_BYTES: usize = 120;

const KEYS: [&[u8]; 5] = [b"level", b"severity", b"lvl", b"log.level", b"loglevel"];

/// The level that a record names; none if it says nothing.
#[must_use]
pub fn find(text: &[u8]) -> Option<Level> {
    let text = text.trim_ascii_start();
    let head = &text[..text.len().min(FIELD_BYTES)];
    if head.first() == Some(&b'{') {
        return json(head);
    }
    klog(head)
        .or_else(|| logfmt(head))
        .or_else(|| words(&head[..head.len().min(WORDS_BYTES)]))
}

/// `"level":"info"` or, as pino and bunyan have it, `"level":30`.
fn json(text: &[u8]) -> Option<Level> {
    let mut rest = text;
    while let Some(at) = position(rest, b"\"") {
        rest = &rest[at + 1..];
        let key = KEYS
            .iter()
            .find(|key| starts_with_ignoring_case(rest, key) && rest.get(key.len()) == Some(&b'"'));
        let Some(key) = key else { continue };
        let Some(value) = rest[key.len() + 1..].trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let value = value.trim_ascii_start();
        let found = match value.strip_prefix(b"\"") {
            Some(word) => named(first_word(word)),
            None => numbered(value),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// `level=info`, `lvl="warn"`
fn logfmt(text: &[u8]) -> Option<Level> {
    KEYS.iter().find_map(|key| {
        let mut rest = text;
        while let Some(at) = position(rest, b"=") {
            let before = &rest[..at];
            let begins = before
                .len()
                .checked_sub(key.len() + 1)
                .is_none_or(|at| before[at] == b' ');
            let value = &rest[at + 1..];
            if begins
                && before.len() >= key.len()
                && starts_with_ignoring_case(&before[before.len() - key.len()..], key)
            {
                return named(first_word(value.strip_prefix(b"\"").unwrap_or(value)));
            }
            rest = value;
        }
        None
    })
}

/// `I1124 08:00:00.000000`: the letter, and the day.
fn klog(text: &[u8]) -> Option<Level> {
    let [letter, rest @ ..] = text else {
        return None;
    };
    let day = rest.get(..5)?;
    let is_day = day[..4].iter().all(u8::is_ascii_digit) && day[4] == b' ';
    match (is_day, letter) {
        (true, b'I') => Some(Level::Info),
        (true, b'W') => Some(Level::Warn),
        (true, b'E') => Some(Level::Error),
        (true, b'F') => Some(Level::Fatal),
        _ => None,
    }
}

/// A level's word among the first ones: in capitals, in brackets, or before a colon. (In prose, "error" in
/// small letters means nothing.)
fn words(text: &[u8]) -> Option<Level> {
    let words = text
        .split(|b| b" \t|".contains(b))
        .filter(|word| !word.is_empty());
    for word in words.take(WORDS) {
        let marked = word.first().is_some_and(|b| b"[<(".contains(b)) || word.last() == Some(&b':');
        let inner = first_word(
            word.trim_ascii()
                .strip_prefix(b"[")
                .or(word.strip_prefix(b"<"))
                .or(word.strip_prefix(b"("))
                .unwrap_or(word),
        );
        let capitals = !inner.is_empty() && inner.iter().all(u8::is_ascii_uppercase);
        if (marked || capitals)
            && let Some(level) = named(inner)
        {
            return Some(level);
        }
    }
    None
}

fn first_word(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_alphabetic())
        .unwrap_or(text.len());
    &text[..end]
}

fn named(word: &[u8]) -> Option<Level> {
    const NAMES: [(&[u8], Level); 19] = [
        (b"trace", Level::Trace),
        (b"finest", Level::Trace),
        (b"verbose", Level::Debug),
        (b"debug", Level::Debug),
        (b"dbg", Level::Debug),
        (b"fine", Level::Debug),
        (b"info", Level::Info),
        (b"information", Level::Info),
        (b"inf", Level::Info),
        (b"notice", Level::Info),
        (b"warn", Level::Warn),
        (b"warning", Level::Warn),
        (b"wrn", Level::Warn),
        (b"error", Level::Error),
        (b"err", Level::Error),
        (b"severe", Level::Error),
        (b"critical", Level::Fatal),
        (b"fatal", Level::Fatal),
        (b"panic", Level::Fatal),
    ];
    NAMES
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, level)| *level)
}

/// As pino and bunyan number them: 10 is trace, 60 is fatal.
fn numbered(text: &[u8]) -> Option<Level> {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    match &text[..end] {
        b"10" => Some(Level::Trace),
        b"20" => Some(Level::Debug),
        b"30" => Some(Level::Info),
        b"40" => Some(Level::Warn),
        b"50" => Some(Level::Error),
        b"60" => Some(Level::Fatal),
        _ => None,
    }
}

fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn position(text: &[u8], byte: &[u8; 1]) -> Option<usize> {
    text.iter().position(|b| b == &byte[0])
}
