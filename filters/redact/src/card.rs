//! Card numbers: 13 to 19 digits that pass the Luhn check, in one piece or in groups.
//!
//! One number in ten passes Luhn by chance, so what is surely no card is left alone: numbers that
//! begin with 0 or 1 (timestamps; no bank issues such cards), fractions (`0.4111111111111111`), and
//! groups of fewer than three digits (dates). Where several readings overlap, all are masked.

use std::ops::Range;

pub(crate) const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;
const GROUP_DIGITS_MIN: usize = 3;

/// True for a byte that a card number, with its separators, may have.
pub(crate) fn has(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'-')
}

/// Finds card numbers in a run of digits, spaces and dashes. They may overlap.
pub(crate) fn find(text: &[u8], run: Range<usize>, mut found: impl FnMut(Range<usize>)) {
    let mut at = run.start;
    while at + DIGITS_MIN <= run.end {
        if matches!(text[at], b'2'..=b'9')
            && let Some(end) = longest(text, at..run.end)
        {
            found(at..end);
        }
        at += group(&text[at..run.end]).max(1);
    }
}

/// Where the longest card number ends that begins here, with the first digit of a group.
fn longest(text: &[u8], run: Range<usize>) -> Option<usize> {
    let mut digits = Digits::default();
    let (mut at, mut longest) = (run.start, None);
    while at < run.end {
        let end = at + group(&text[at..run.end]);
        if end - at < GROUP_DIGITS_MIN || !digits.add(&text[at..end]) {
            break;
        }
        let is_fraction = at == run.start && is_fraction(text, at);
        if digits.are_card() && !is_fraction {
            longest = Some(end);
        }
        // One separator and the next group; two separators end a number.
        at = end + 1;
    }
    longest
}

/// True when the text begins with a group that may be a part of a card number.
pub(crate) fn is_group(text: &[u8]) -> bool {
    group(text) >= GROUP_DIGITS_MIN
}

/// How many digits the text begins with.
fn group(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// True behind a point and at most four digits more: so many digits has no fraction of a larger
/// number. They must not belong to what may be masked itself: a word, or a card number's groups.
fn is_fraction(text: &[u8], start: usize) -> bool {
    let Some(before) = text[..start].strip_suffix(b".") else {
        return false;
    };
    let whole = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let belongs_to_more = match before[..before.len() - whole] {
        [.., digit, b' ' | b'-'] => digit.is_ascii_digit() && whole >= GROUP_DIGITS_MIN,
        [.., byte] => byte.is_ascii_alphanumeric(),
        [] => false,
    };
    (1..=4).contains(&whole) && !belongs_to_more
}

#[derive(Default)]
struct Digits {
    values: [u8; DIGITS_MAX],
    length: usize,
}

impl Digits {
    /// False when there are too many.
    fn add(&mut self, text: &[u8]) -> bool {
        let Some(free) = self.values[self.length..].get_mut(..text.len()) else {
            return false;
        };
        for (value, byte) in free.iter_mut().zip(text) {
            *value = byte - b'0';
        }
        self.length += text.len();
        true
    }

    fn are_card(&self) -> bool {
        self.length >= DIGITS_MIN && luhn(&self.values[..self.length])
    }
}

/// Every second digit from the right counts double, with its digits added up; the sum ends with 0.
fn luhn(digits: &[u8]) -> bool {
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let mut sum = 0;
    for (n, &digit) in digits.iter().rev().enumerate() {
        sum += u32::from(if n % 2 == 1 {
            DOUBLED[digit as usize]
        } else {
            digit
        });
    }
    sum.is_multiple_of(10)
}
