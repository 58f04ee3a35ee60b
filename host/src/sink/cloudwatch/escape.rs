//! JSON strings, written without allocation: escaping is what a sender does most, next to hashing.
//!
//! Text is looked at in blocks of 32 bytes, and a block's escapes are all known at once. Where one
//! stands, what follows it in the block is copied again, one byte further on: two stores an escape. The
//! crates that do this start a new scan behind each escape: that is as fast where there are none, and
//! took three times as long on lines of JSON, which are full of quotes (0.27 against 0.09 ms a MB). All
//! of it is checked slices in portable code; `unsafe` only says that written bytes are there, and asks
//! for wider registers.

use std::mem::MaybeUninit;

use wide::u8x16;

/// Bytes that are looked at together: as many as a mask has bits.
const BLOCK: usize = 32;

/// Memory that is being written to.
type Room = [MaybeUninit<u8>];

/// Appends `text` as the inside of a JSON string: escaped, without quotes.
#[inline]
pub fn escape(text: &str, out: &mut Vec<u8>) {
    escape_bytes(text.as_bytes(), out);
}

/// The same for bytes that are known to be text, such as JSON that was written here.
pub fn escape_bytes(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(room(text.len()));
    let end = out.len() + write(text, out.spare_capacity_mut());
    // SAFETY: `write` has initialised as many bytes as it says, and wrote within the capacity.
    unsafe { out.set_len(end) };
}

/// Bytes of room that [`escape`] asks for to write so many: as if all were escaped at length, and what
/// is written past the end before the next.
#[inline]
#[must_use]
pub fn room(bytes: usize) -> usize {
    6 * bytes + 2 * BLOCK
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

#[cfg(target_arch = "x86_64")]
fn write(text: &[u8], room: &mut Room) -> usize {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        // SAFETY: this machine has what the function was compiled for.
        return unsafe { write_wide(text, room) };
    }
    write_any(text, room)
}

#[cfg(not(target_arch = "x86_64"))]
fn write(text: &[u8], room: &mut Room) -> usize {
    write_any(text, room)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn write_wide(text: &[u8], room: &mut Room) -> usize {
    write_any(text, room)
}

/// Writes `text`, and says how many bytes that made.
#[inline(always)]
fn write_any(text: &[u8], room: &mut Room) -> usize {
    let (mut left, mut end) = (text, 0);
    while let Some((block, behind)) = left.split_first_chunk::<BLOCK>() {
        put(block, room, end);
        let found = escapes(block);
        end = if found == 0 {
            end + BLOCK
        } else if let Some(two) = left.first_chunk::<{ 2 * BLOCK }>() {
            write_block(two, found, room, end)
        } else {
            write_last(block, found, room, end)
        };
        left = behind;
    }
    if left.is_empty() {
        return end;
    }
    let found = match text.last_chunk::<BLOCK>() {
        Some(last) => escapes(last) >> (BLOCK - left.len()),
        None => {
            let mut block = [b' '; BLOCK];
            block[..left.len()].copy_from_slice(left);
            escapes(&block)
        }
    };
    write_last(left, found, room, end)
}

/// Writes the first of two blocks, whose escapes these are; it is there already up to the first. What
/// follows an escape is copied as a whole block, the second one's bytes to be written over.
#[inline(always)]
fn write_block(two: &[u8; 2 * BLOCK], mut found: u32, room: &mut Room, mut end: usize) -> usize {
    let mut from = 0;
    while found != 0 {
        let at = found.trailing_zeros() as usize % BLOCK;
        end = write_escape(two[at], room, end + at - from);
        from = at + 1;
        if let Some(rest) = two[from..].first_chunk::<BLOCK>() {
            put(rest, room, end);
        }
        found &= found - 1;
    }
    end + BLOCK - from
}

/// The same where nothing stands behind, and for less than a block.
#[inline]
fn write_last(block: &[u8], mut found: u32, room: &mut Room, mut end: usize) -> usize {
    put(block, room, end);
    let mut from = 0;
    while found != 0 {
        let at = found.trailing_zeros() as usize;
        end = write_escape(block[at], room, end + at - from);
        from = at + 1;
        put(&block[from..], room, end);
        found &= found - 1;
    }
    end + block.len() - from
}

/// Which bytes of a block have to be escaped: a bit for each.
#[inline(always)]
fn escapes(block: &[u8; BLOCK]) -> u32 {
    let half = |bytes: &[u8]| {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        let (bytes, last_control) = (u8x16::new(bytes), u8x16::splat(0x1f));
        let control = bytes.max(last_control).simd_eq(last_control);
        let quote = bytes.simd_eq(u8x16::splat(b'"'));
        let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
        (control | quote | backslash).to_bitmask()
    };
    let (low, high) = block.split_at(BLOCK / 2);
    half(low) | half(high) << (BLOCK / 2)
}

/// What stands behind the backslash of a short escape; 0: it is a long one.
const SHORT: [u8; 256] = {
    let mut short = [0; 256];
    let pairs = [
        (b'"', b'"'),
        (b'\\', b'\\'),
        (8, b'b'),
        (b'\t', b't'),
        (b'\n', b'n'),
        (12, b'f'),
        (b'\r', b'r'),
    ];
    let mut at = 0;
    while at < pairs.len() {
        short[pairs[at].0 as usize] = pairs[at].1;
        at += 1;
    }
    short
};

#[inline(always)]
fn write_escape(byte: u8, room: &mut Room, end: usize) -> usize {
    match SHORT[byte as usize] {
        0 => write_long(byte, room, end),
        short => {
            put(&[b'\\', short], room, end);
            end + 2
        }
    }
}

#[cold]
#[inline(never)]
fn write_long(byte: u8, room: &mut Room, end: usize) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
    put(&[b'\\', b'u', b'0', b'0', high, low], room, end);
    end + 6
}

#[inline(always)]
fn put(bytes: &[u8], room: &mut Room, at: usize) {
    room[at..at + bytes.len()].write_copy_of_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str, write: impl Fn(&[u8], &mut Room) -> usize) -> String {
        let mut out = Vec::with_capacity(room(text.len()));
        let end = write(text.as_bytes(), out.spare_capacity_mut());
        // SAFETY: as in `escape_bytes`.
        unsafe { out.set_len(end) };
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_byte_is_escaped_at_every_place_of_a_block() {
        for byte in 0..=0x7f_u8 {
            for at in 0..3 * BLOCK {
                let mut text = "x".repeat(3 * BLOCK - 1).into_bytes();
                text.insert(at, byte);
                let text = String::from_utf8(text).unwrap();
                let json = serde_json::to_string(&text).unwrap();
                let wanted = &json[1..json.len() - 1];
                assert_eq!(escaped(&text, write), wanted);
                assert_eq!(escaped(&text, write_any), wanted);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back_the_same(
            text in "\\PC*|[\\x00-\\x7f]{0,300}|([\"\\\\\\n\\x00ü]|[a-z]{1,40}){0,40}",
            front in "[a-z]{0,3}",
        ) {
            let mut out = front.clone().into_bytes();
            escape(&text, &mut out);
            let whole = std::str::from_utf8(&out).unwrap();
            let inside = whole.strip_prefix(&front).unwrap();
            let read: String = serde_json::from_str(&format!("\"{inside}\"")).unwrap();
            prop_assert_eq!(&read, &text);
            prop_assert_eq!(&*escaped(&text, write_any), inside);
            let mut in_place = Vec::with_capacity(room(text.len()));
            let at = in_place.as_ptr();
            escape(&text, &mut in_place);
            prop_assert_eq!(in_place.as_ptr(), at);
            prop_assert_eq!(inside.len(), text.chars().map(escaped_len).sum::<usize>());
        }
    }
}
