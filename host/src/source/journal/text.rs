//! The text of an entry that has no `MESSAGE`.
//!
//! Such an entry is a record as well: the fields that its writer set, as a JSON object. What journald adds
//! (`_PID`, ...) is not of the writer: it becomes facts, where the configuration asks for it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::CUT;
use super::reader::{Error, Reader};

/// Longest text that is made of fields, bytes; what is longer is cut, and marked.
const FIELDS_BYTES_MAX: usize = 256 * 1024;

/// The text of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// It goes on, and the rest is not read.
    pub is_cut: bool,
}

/// The fields of the entry in hand; of one with several values the last. A value that is cut says so.
pub fn fields_as_text(reader: &mut Reader) -> Result<Text<'static>, Error> {
    let (mut fields, mut bytes) = (Map::new(), 0);
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for at in 0..reader.items().len() {
        let place = reader.items()[at];
        let Some(field) = reader.field(place)?.filter(|f| f.name[0] != b'_') else {
            continue;
        };
        let room = FIELDS_BYTES_MAX.saturating_sub(bytes);
        let value = &field.value[..field.value.len().min(room)];
        bytes += field.name.len() + value.len();
        let mut text = lossy(value);
        if field.cut || value.len() < field.value.len() {
            text.push_str(&lossy(CUT));
        }
        fields.insert(lossy(field.name), Value::String(text));
    }
    Ok(Text {
        bytes: Cow::Owned(Value::Object(fields).to_string().into_bytes()),
        is_cut: false,
    })
}
