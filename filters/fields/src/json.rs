//! A JSON object as a list of fields, whose values are the text that stands there.
//! Nothing is decoded that is not looked at.

use std::collections::BTreeMap;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// JSON.
    pub(crate) value: String,
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<Field>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            let value = value.get().to_owned();
            fields.push(Field { name, value });
        }
        Ok(fields)
    }
}

/// The fields of an object; none if the text is no object.
pub(crate) fn fields(text: &[u8]) -> Option<Vec<Field>> {
    let text = text.trim_ascii();
    // Most that is no object is told here.
    if text.first() != Some(&b'{') {
        return None;
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let fields = json.deserialize_map(Fields).ok()?;
    json.end().ok()?;
    Some(fields)
}

/// Names and values as fields.
pub(crate) fn of(values: &BTreeMap<String, serde_json::Value>) -> Vec<Field> {
    let field = |(name, value): (&String, &serde_json::Value)| Field {
        name: name.clone(),
        value: value.to_string(),
    };
    values.iter().map(field).collect()
}

/// The place of a field.
pub(crate) fn find(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| field.name == name)
}

/// Whether this is its name; a `*` at the end stands for anything.
pub(crate) fn is_named(field: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => field.starts_with(start),
        None => field == name,
    }
}

pub(crate) fn is_object(value: &str) -> bool {
    value.starts_with('{')
}

/// The fields of an object inside, named after it, in its place. One without fields stays.
pub(crate) fn flatten(field: Field, separator: &str, depth: usize, out: &mut Vec<Field>) {
    let inner = match depth {
        0 => None,
        _ if is_object(&field.value) => fields(field.value.as_bytes()),
        _ => None,
    };
    match inner {
        Some(inner) if !inner.is_empty() => {
            for one in inner {
                let name = format!("{}{separator}{}", field.name, one.name);
                flatten(Field { name, ..one }, separator, depth - 1, out);
            }
        }
        _ => out.push(field),
    }
}

pub(crate) fn write(fields: &[Field]) -> String {
    let mut out = String::from("{");
    for (n, field) in fields.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::Value::from(field.name.as_str()).to_string());
        out.push(':');
        out.push_str(&field.value);
    }
    out.push('}');
    out
}
