//! JSON inside JSON: `{"log":"{\"level\":\"info\"}","n":1}` becomes `{"n":1,"level":"info"}`, as Fluent Bit's
//! `Merge_Log` does it. Fields keep their text, so no number is rounded, and their order.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::Object;

pub(crate) fn parse(text: &str, field: &str) -> Option<Object> {
    let outer = fields(text)?;
    let (_, held) = outer.iter().find(|(name, _)| name == field)?;
    let held: String = serde_json::from_str(held).ok()?;
    let inner = fields(held.trim())?;
    let mut object = Object::new();
    // Where both have a field, the inner one's is the one that was meant.
    let beaten = |name: &str| inner.iter().any(|(other, _)| other == name);
    let outer = outer
        .iter()
        .filter(|(name, _)| name != field && !beaten(name));
    for (name, value) in outer.chain(&inner) {
        object.raw(name, value);
    }
    Some(object)
}

/// Names, and values as they stand there.
fn fields(text: &str) -> Option<Vec<(String, String)>> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, String)>;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("an object")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut fields = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                fields.push((name, value.get().to_owned()));
            }
            Ok(fields)
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let fields = json.deserialize_map(Fields).ok()?;
    json.end().ok()?;
    Some(fields)
}
