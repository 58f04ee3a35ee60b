//! JSON strings, written without allocation, by a crate that looks at many bytes at once: escaping is
//! what a sender does most, next to hashing.

/// Appends `text` as the inside of a JSON string: escaped, without quotes.
///
/// The crate writes quotes around what it escapes. The byte in front is lent to it for the opening
/// one, and the closing one is taken off, so nothing moves.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let lent = out.pop();
    let at = out.len();
    json_escape_simd::escape_into(text, out);
    out.pop();
    match lent {
        Some(byte) => out[at] = byte,
        None => {
            out.remove(at);
        }
    }
}

/// Bytes of room that [`escape`] asks for to write so many: far more than it needs, as it writes whole
/// vectors.
#[inline]
#[must_use]
pub fn room(bytes: usize) -> usize {
    // As `escape_into` reserves.
    6 * bytes + 64
}

/// How many bytes `c` takes inside a JSON string.
#[must_use]
pub fn escaped_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_back_the_same(text in "\\PC*|[\\x00-\\x7f]{0,100}", front in "[a-z]{0,3}") {
            let mut out = front.clone().into_bytes();
            escape(&text, &mut out);
            let escaped = std::str::from_utf8(&out).unwrap();
            let inside = escaped.strip_prefix(&front).unwrap();
            let read: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
            prop_assert_eq!(&read, &text);
            let mut in_place = Vec::with_capacity(room(text.len()));
            let at = in_place.as_ptr();
            escape(&text, &mut in_place);
            prop_assert_eq!(in_place.as_ptr(), at);
            prop_assert_eq!(inside.len(), text.chars().map(escaped_len).sum::<usize>());
        }
    }
}
