//! logfmt: `level=info msg="two words" done`, as Go's loggers and Heroku's router write it.
//!
//! A line is logfmt when every word of it is a key, a key with a value, or such a value in quotes, and at
//! least two have values: prose with one `=` in it is not taken apart.

use crate::json::Object;

/// Fewest keys with values.
const PAIRS_MIN: usize = 2;

pub(crate) fn parse(text: &str) -> Option<Object> {
    let mut object = Object::new();
    let mut pairs = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let key = &rest[..end];
        if key.is_empty() || key.contains(['"', '{', '}', '[', ']', ',']) {
            return None;
        }
        rest = &rest[end..];
        match rest.strip_prefix('=') {
            None => object.raw(key, "true"),
            Some(after) => {
                let (value, after) = value(after)?;
                object.text(key, &value);
                rest = after;
                pairs += 1;
            }
        }
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        rest = rest.trim_start();
    }
    (pairs >= PAIRS_MIN).then_some(object)
}

/// A value, and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c => c,
                });
            }
            '\\' => escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            c => value.push(c),
        }
    }
    None
}
