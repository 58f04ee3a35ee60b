//! Embeds a record that is a JSON object, as Fluent Bit's `Merge_Log` does.
//!
//! The object is read and written anew in one pass, so what is embedded is always valid, without
//! white space, and in its own order. A name that occurs twice is sent once: last value, last place.
//! Whole numbers up to 64 bits stay as they are, all others keep 16 digits, as Fluent Bit's do. Text
//! that is not one object, or is too deep or too wide, is not embedded: it is still there as text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::escape::escape;

/// Names in one object; each is compared with those before it.
const NAMES_MAX: usize = 1024;
/// Digits of a number with a fraction or an exponent: Fluent Bit prints `%.16g`.
const DIGITS_MAX: usize = 16;

/// One field of an object that is being written: where its name starts in the output, where its
/// value starts and ends, and whether a later one has its name.
struct Field {
    start: usize,
    value: usize,
    end: usize,
    again: bool,
}

/// Fields of a message that those of an object stand among, as they are written, and with a colon;
/// the last one wins over the object's.
pub const AROUND: [&[u8]; 5] = [
    b"\"time\":",
    b"\"stream\":",
    b"\"_p\":",
    b"\"log\":",
    b"\"kubernetes\":",
];

/// Keeps its memory from one record to the next.
#[derive(Default)]
pub struct Merger {
    /// Of all objects that are open, the outermost first.
    fields: Vec<Field>,
    trim: bool,
    among: bool,
    /// Of those, which ones the last object has as well.
    pub hides: [bool; AROUND.len()],
}

impl Merger {
    /// `trim`: cut newlines off the ends of strings that stand in the object itself. `among`: its
    /// fields stand among those of [`AROUND`].
    #[must_use]
    pub fn new(trim: bool, among: bool) -> Self {
        Self {
            trim,
            among,
            ..Self::default()
        }
    }

    /// Appends the object that `text` is, if it is one, and says whether it is.
    pub fn object(&mut self, text: &str, out: &mut Vec<u8>) -> bool {
        let inside = text.trim_matches([' ', '\t', '\n', '\r']);
        if !(inside.starts_with('{') && inside.ends_with('}')) {
            return false;
        }
        let start = out.len();
        self.fields.clear();
        self.hides = [false; AROUND.len()];
        let mut from = serde_json::Deserializer::from_str(inside);
        let value = Value {
            merger: self,
            out,
            depth: 0,
        };
        let read = value.deserialize(&mut from).and_then(|()| from.end());
        if read.is_err() {
            out.truncate(start);
        }
        read.is_ok()
    }

    /// Writes what stands before a value of the object whose first field is `first`.
    fn name(&mut self, name: &str, first: usize, out: &mut Vec<u8>) -> Result<(), TooWide> {
        if self.fields.len() - first >= NAMES_MAX {
            return Err(TooWide);
        }
        let start = out.len();
        string(name, out);
        out.push(b':');
        let written = &out[start..];
        for field in &mut self.fields[first..] {
            field.again |= out[field.start..field.value] == *written;
        }
        self.fields.push(Field {
            start,
            value: out.len(),
            end: out.len(),
            again: false,
        });
        Ok(())
    }

    /// Holds the outermost object's names against those around it.
    fn compare_around(&mut self, out: &[u8]) {
        for field in &mut self.fields {
            let name = &out[field.start..field.value];
            let Some(at) = AROUND.iter().position(|a| *a == name) else {
                continue;
            };
            self.hides[at] = true;
            field.again |= at == AROUND.len() - 1;
        }
    }

    /// Ends an object: takes out the fields that a later one stands for.
    fn close(&mut self, first: usize, out: &mut Vec<u8>) {
        if self.fields[first..].iter().any(|f| f.again) {
            let mut to = self.fields[first].start;
            for field in &self.fields[first..] {
                if !field.again {
                    out.copy_within(field.start..field.end, to);
                    to += field.end - field.start;
                    out[to] = b',';
                    to += 1;
                }
            }
            out.truncate(to);
        }
        if out.last() == Some(&b',') {
            // Behind the last field.
            out.pop();
        }
        self.fields.truncate(first);
        out.push(b'}');
    }
}

struct TooWide;

/// Writes one value, whatever it is.
struct Value<'m> {
    merger: &'m mut Merger,
    out: &'m mut Vec<u8>,
    /// Objects and arrays around it.
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        let mut buffer = itoa::Buffer::new();
        self.out.extend_from_slice(buffer.format(value).as_bytes());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        number(value, self.out);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        let trim = self.merger.trim && self.depth == 1;
        let value = if trim {
            value.trim_end_matches('\n')
        } else {
            value
        };
        string(value, self.out);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        self.out.push(b'[');
        let empty = self.out.len();
        loop {
            let value = Value {
                merger: &mut *self.merger,
                out: &mut *self.out,
                depth: self.depth + 1,
            };
            if from.next_element_seed(value)?.is_none() {
                break;
            }
            self.out.push(b',');
        }
        if self.out.len() > empty {
            self.out.pop();
        }
        self.out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        self.out.push(b'{');
        let first = self.merger.fields.len();
        while let Some(()) = from.next_key_seed(Name {
            merger: &mut *self.merger,
            out: &mut *self.out,
            first,
        })? {
            from.next_value_seed(Value {
                merger: &mut *self.merger,
                out: &mut *self.out,
                depth: self.depth + 1,
            })?;
            if let Some(field) = self.merger.fields.last_mut() {
                field.end = self.out.len();
            }
            self.out.push(b',');
        }
        if self.depth == 0 && self.merger.among {
            self.merger.compare_around(self.out);
        }
        self.merger.close(first, self.out);
        Ok(())
    }
}

/// Writes the name of a field.
struct Name<'m> {
    merger: &'m mut Merger,
    out: &'m mut Vec<u8>,
    /// The first field of the object that it stands in.
    first: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        let named = self.merger.name(name, self.first, self.out);
        named.map_err(|TooWide| E::custom("more names in one object than are compared"))
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// The shortest text that reads back as this number, unless that has more digits than Fluent Bit's.
fn number(value: f64, out: &mut Vec<u8>) {
    if value == 0.0 {
        // `-0` among others.
        out.push(b'0');
        return;
    }
    let start = out.len();
    // Writing a number to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, &value);
    let mantissa = out[start..]
        .iter()
        .take_while(|b| !matches!(b, b'e' | b'E'));
    let digits = mantissa.filter(|b| b.is_ascii_digit());
    let significant = digits.skip_while(|b| **b == b'0').count();
    if significant > DIGITS_MAX {
        out.truncate(start);
        let rounded = format!("{value:.0$e}", DIGITS_MAX - 1);
        out.extend_from_slice(rounded.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn merged(text: &str) -> Option<String> {
        let mut out = b"before".to_vec();
        let mut merger = Merger::new(true, false);
        let is_one = merger.object(text, &mut out);
        assert!(out.starts_with(b"before"));
        let text = String::from_utf8(out[6..].to_vec()).unwrap();
        assert_eq!(is_one, !text.is_empty());
        is_one.then_some(text)
    }

    #[test]
    fn only_a_single_object_is_embedded() {
        assert_eq!(merged(" {\"a\" : 1} \t").as_deref(), Some("{\"a\":1}"));
        assert_eq!(merged("{}").as_deref(), Some("{}"));
        for text in [
            "",
            "x",
            "[1]",
            "42",
            "\"s\"",
            "{\"a\":1}{\"b\":2}",
            "{\"a\":1",
            "{a:1}",
        ] {
            assert_eq!(merged(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_sent_once_with_its_last_value_in_the_last_place() {
        for (text, expected) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
            (r#"{"a":1,"a":2,"a":3}"#, r#"{"a":3}"#),
            (
                r#"{"o":{"x":1,"y":[{"x":1,"x":2}],"x":3},"p":0}"#,
                r#"{"o":{"y":[{"x":2}],"x":3},"p":0}"#,
            ),
            ("{\"\\u0061\":1,\"a\":2}", r#"{"a":2}"#),
        ] {
            assert_eq!(merged(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn numbers_keep_what_fluent_bit_keeps_of_them() {
        let text = r#"{"u":12345678901234567890,"l":123456789012345678901234567890,"z":-0,"e":1e3,"t":19.90}"#;
        let expected =
            r#"{"u":12345678901234567890,"l":1.234567890123457e29,"z":0,"e":1000.0,"t":19.9}"#;
        assert_eq!(merged(text).as_deref(), Some(expected));
    }

    #[test]
    fn newlines_are_cut_off_strings_of_the_object_itself_only() {
        let text = r#"{"a":"x\n\n","b":"\r\n","c":["y\n"],"d":{"e":"z\n"}}"#;
        let expected = r#"{"a":"x","b":"\r","c":["y\n"],"d":{"e":"z\n"}}"#;
        assert_eq!(merged(text).as_deref(), Some(expected));
    }

    #[test]
    fn an_object_too_deep_or_too_wide_stays_text() {
        let deep = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
        assert_eq!(merged(&deep), None);
        let names: Vec<String> = (0..=NAMES_MAX).map(|n| format!("\"{n}\":0")).collect();
        assert_eq!(merged(&format!("{{{}}}", names.join(","))), None);
        assert!(merged(&format!("{{{}}}", names[1..].join(","))).is_some());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            (-1_000_000_i32..1_000_000).prop_map(|n| json!(f64::from(n) / 1000.0 + 0.0)),
            "\\PC{0,8}|[\\x00-\\x1f]".prop_map(|s| json!(s.trim_end_matches('\n'))),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(|v| json!(v)),
                proptest::collection::btree_map("[a-d]{1,2}", inner, 0..5).prop_map(|m| json!(m)),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_object_reads_back_as_it_was(fields in proptest::collection::btree_map("\\PC{0,3}", any_json(), 0..6)) {
            let object = json!(fields);
            for text in [object.to_string(), serde_json::to_string_pretty(&object).unwrap()] {
                let read: serde_json::Value = serde_json::from_str(&merged(&text).unwrap()).unwrap();
                prop_assert!(same(&read, &object), "{} {}", read, object);
            }
        }

        #[test]
        fn any_text_is_embedded_as_valid_json_or_not_at_all(text in "[{}\\[\\]\",:a0 \\\\]{0,30}") {
            if let Some(merged) = merged(&text) {
                let read: serde_json::Value = serde_json::from_str(&merged).unwrap();
                prop_assert!(read.is_object());
            }
        }
    }

    /// Whether two values are the same, numbers by their value.
    fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
        use serde_json::Value as V;
        match (a, b) {
            (V::Number(a), V::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (V::Array(a), V::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (V::Object(a), V::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
            }
            (a, b) => a == b,
        }
    }
}
