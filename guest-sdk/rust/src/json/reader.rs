//! Reads one value after another; what each becomes is said by whoever wants it, so that no tree of
//! values is built and no code is there for kinds that nobody asks for.

use std::borrow::Cow;

use serde::de::{self, Unexpected, Visitor};

use super::deserialize::Inside;
use super::{Error, FRACTION, mismatch};

/// Values inside each other.
const DEPTH_MAX: u32 = 64;

pub(super) struct Reader<'de> {
    pub(super) json: &'de str,
    pub(super) at: usize,
    pub(super) depth: u32,
}

impl<'de> Reader<'de> {
    #[cold]
    pub(super) fn broken(&self) -> Error {
        de::Error::custom(format!("not JSON from byte {}", self.at))
    }

    /// The first byte of what comes next.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.json.as_bytes().get(self.at..)?;
        self.at += rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.json.as_bytes().get(self.at).copied()
    }

    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.takes(byte) {
            Ok(())
        } else {
            Err(self.broken())
        }
    }

    pub(super) fn is_number(&mut self) -> bool {
        self.peek()
            .is_some_and(|byte| byte == b'-' || byte.is_ascii_digit())
    }

    pub(super) fn number(&mut self) -> &'de str {
        let rest = &self.json[self.at..];
        let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A number without a fraction.
    pub(super) fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let number = self.number();
        match (number.parse::<u64>(), number.parse::<i64>()) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => Err(mismatch("type", Unexpected::Other(FRACTION), &visitor)),
        }
    }

    /// What is no number.
    pub(super) fn other<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'{') => self.inside(|reader| visitor.visit_map(Inside::new(reader, b'}'))),
            Some(b'[') => self.inside(|reader| visitor.visit_seq(Inside::new(reader, b']'))),
            _ if self.word("true") => visitor.visit_bool(true),
            _ if self.word("false") => visitor.visit_bool(false),
            _ if self.word("null") => visitor.visit_unit(),
            _ => Err(self.broken()),
        }
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        let is_next = self.json[self.at..].starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Reads what a bracket opens, and the one that closes it.
    pub(super) fn inside<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let close = if self.takes(b'{') { b'}' } else { b']' };
        self.at += usize::from(close == b']');
        if self.depth == DEPTH_MAX {
            return Err(de::Error::custom("values too far inside each other"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        self.expect(close).map(|()| value)
    }

    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, Error> {
        self.expect(b'"')?;
        let mut before = String::new();
        loop {
            let rest = &self.json[self.at..];
            let end = rest.bytes().position(|byte| byte == b'"' || byte == b'\\');
            let end = end.ok_or_else(|| self.broken())?;
            self.at += end + 1;
            let is_last = rest.as_bytes()[end] == b'"';
            if is_last && before.is_empty() {
                return Ok(Cow::Borrowed(&rest[..end]));
            }
            before.push_str(&rest[..end]);
            if is_last {
                return Ok(Cow::Owned(before));
            }
            let escape = self.escape();
            before.push(escape.ok_or_else(|| self.broken())?);
        }
    }

    /// What stands behind a backslash.
    pub(super) fn escape(&mut self) -> Option<char> {
        let escape = *self.json.as_bytes().get(self.at)?;
        self.at += 1;
        Some(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let is_half = (0xd800..0xdc00).contains(&first);
                if !is_half {
                    return char::from_u32(first);
                }
                if !self.word("\\u") {
                    return None;
                }
                let second = self.hex4()?.checked_sub(0xdc00)?;
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)?
            }
            _ => return None,
        })
    }

    pub(super) fn hex4(&mut self) -> Option<u32> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// A number with a fraction. The last digits of very long or very large ones are not exact.
pub(super) fn fraction(number: &str) -> f64 {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let mut exponent: i32 = exponent.trim_start_matches('+').parse().unwrap_or(0);
    let (mut value, mut is_behind) = (0_f64, false);
    for byte in digits.bytes() {
        is_behind |= byte == b'.';
        if byte.is_ascii_digit() {
            value = value * 10.0 + f64::from(byte - b'0');
            exponent = exponent.saturating_sub(i32::from(is_behind));
        }
    }
    let scale = 10_f64.powi(exponent.saturating_abs());
    let value = if exponent < 0 {
        value / scale
    } else {
        value * scale
    };
    if number.starts_with('-') {
        -value
    } else {
        value
    }
}
