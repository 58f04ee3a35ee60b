//! E-mail addresses: a name, an `@`, and a domain with a dot in it.
//!
//! Not the grammar of RFC 5322, of which logs have little, but what people write. Bytes that are not
//! ASCII belong to names and domains, so international addresses are found.

use std::ops::Range;

/// The address around the `@` at `at`.
pub(crate) fn around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let name = text[..at]
        .iter()
        .rev()
        .take_while(|&&byte| in_domain(byte) || b"_%+".contains(&byte))
        .count();
    let start = at - name + escape(text, at - name);
    let domain = text[at + 1..]
        .iter()
        .take_while(|&&byte| in_domain(byte))
        .count();
    // A sentence may end behind the address.
    let trailing = text[at + 1..at + 1 + domain]
        .iter()
        .rev()
        .take_while(|&&byte| b".-".contains(&byte))
        .count();
    let end = at + 1 + domain - trailing;
    (start < at && is_domain(&text[at + 1..end])).then_some(start..end)
}

fn in_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-".contains(&byte) || !byte.is_ascii()
}

/// Has a dot, not in front, and at least two letters behind the last one.
fn is_domain(domain: &[u8]) -> bool {
    let Some(dot) = domain.iter().rposition(|&byte| byte == b'.') else {
        return false;
    };
    let top = &domain[dot + 1..];
    dot > 0 && top.len() >= 2 && !top.iter().any(u8::is_ascii_digit)
}

/// In JSON, what looks like the name's first letter may end an escape: `\njane@example.com`.
/// Masked, it would spoil the JSON.
fn escape(text: &[u8], start: usize) -> usize {
    let backslashes = text[..start]
        .iter()
        .rev()
        .take_while(|&&byte| byte == b'\\')
        .count();
    match text[start] {
        _ if backslashes % 2 == 0 => 0,
        b'b' | b'f' | b'n' | b'r' | b't' => 1,
        b'u' if text.len() - start > 5
            && text[start + 1..start + 5].iter().all(u8::is_ascii_hexdigit) =>
        {
            5
        }
        _ => 0,
    }
}
