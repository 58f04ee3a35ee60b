//! One field of a record, without reading more of it than that takes: of a JSON object (its own fields,
//! not those of objects inside), or `key=value` of logfmt.
//! A value is the text that stands there, without the quotes around it.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The value of a field, if the record has it.
#[must_use]
pub fn field<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'{') => json(text, name),
        _ => logfmt(text, name.as_bytes()),
    }
}

fn json<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut value = None;
    let find = Find {
        name,
        value: &mut value,
    };
    // What is wrong behind the field does not matter: a long record may have been cut.
    let _ = serde_json::Deserializer::from_slice(text).deserialize_map(find);
    let value = value?.as_bytes();
    let text = value.strip_prefix(b"\"");
    Some(text.and_then(|t| t.strip_suffix(b"\"")).unwrap_or(value))
}

struct Find<'n, 'v, 'de> {
    name: &'n str,
    value: &'v mut Option<&'de str>,
}

impl<'de> Visitor<'de> for Find<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if name.is(self.name) {
                *self.value = Some(map.next_value::<&RawValue>()?.get());
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A field's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

impl Name<'_> {
    fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

/// `name=value` or `name="a value"`, at the beginning or behind a space.
fn logfmt<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let found = memchr::memmem::find_iter(text, name).find(|&at| {
        let begins = at == 0 || text[at - 1].is_ascii_whitespace();
        begins && text.get(at + name.len()) == Some(&b'=')
    });
    let value = &text[found? + name.len() + 1..];
    let (value, end) = match value.strip_prefix(b"\"") {
        Some(quoted) => (quoted, quoted.iter().position(|&b| b == b'"')),
        None => (value, value.iter().position(u8::is_ascii_whitespace)),
    };
    Some(&value[..end.unwrap_or(value.len())])
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_found_in_json_and_in_logfmt() {
        let found = |text: &str, name: &str| {
            field(text.as_bytes(), name).map(|v| String::from_utf8_lossy(v).into_owned())
        };
        for (text, name, value) in [
            (r#" {"a":{"id":1},"id":"x y"}"#, "id", Some("x y")),
            (r#"{"id": 12.50 ,"b":[]}"#, "id", Some("12.50")),
            (r#"{"id":"cut","rest":"of it is los"#, "id", Some("cut")),
            (r#"{"\u0069d":true}"#, "id", Some("true")),
            (r#"{"a":1}"#, "id", None),
            (r#"{"a":1"#, "id", None),
            ("id=7 b=2", "id", Some("7")),
            ("void=1 id=\"a b\" c=3", "id", Some("a b")),
            ("xid=1", "id", None),
            ("id", "id", None),
            ("", "id", None),
        ] {
            assert_eq!(found(text, name).as_deref(), value, "{text}");
        }
    }
}
