//! Credentials that are known by how they begin: AWS access key ids and bearer tokens.
//!
//! Not AWS secret keys: they are forty characters of base64 and nothing more, and so are many hashes.

use std::ops::Range;

/// The access key id at `at`: `AKIA` or `ASIA`, and exactly sixteen more capitals or digits.
pub(crate) fn aws_key(text: &[u8], at: usize) -> Option<Range<usize>> {
    const LENGTH: usize = 20;
    let begins = matches!(text[at..], [b'A', b'K' | b'S', b'I', b'A', ..]);
    let in_key = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_key = begins && text[at..].iter().take_while(in_key).count() == LENGTH;
    is_key.then_some(at..at + LENGTH)
}

/// The token behind the word `Bearer`, in any case, at `at`: whatever it is.
pub(crate) fn bearer(text: &[u8], at: usize) -> Option<Range<usize>> {
    const WORD: &[u8] = b"bearer";
    let rest = text[at..]
        .split_at_checked(WORD.len())
        .filter(|(word, _)| word.eq_ignore_ascii_case(WORD))?
        .1;
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let length = rest[spaces..]
        .iter()
        .take_while(|&&byte| in_token(byte))
        .count();
    let start = at + WORD.len() + spaces;
    (spaces > 0 && length > 0).then_some(start..start + length)
}

/// The characters of `token68` in RFC 9110, section 11.2.
fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}
