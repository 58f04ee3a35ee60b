//! Finds what is to be masked, at a few instructions for sixteen bytes.
//!
//! `signs` looks at every byte of the batch, across its records, but only for what a card number, an
//! address, a key or a token cannot be without. Where there is such a sign, which is seldom, `Look`
//! reads closely, within the record. Both are linear: a run of digits is read closely once.
//!
//! The vectors are `wide`'s: the same code is SSE2 or NEON natively and `simd128` in Wasm (and plain
//! arrays, four times slower, in a module built without `+simd128`).

use std::ops::Range;

use logsieve_filter::Columns;
use wide::u8x16;

use crate::settings::BuiltIn;
use crate::{card, email, token};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BuiltIn(BuiltIn),
    /// An own pattern, by its place among them.
    Pattern(usize),
}

impl Kind {
    pub(crate) const CARD: Self = Self::BuiltIn(BuiltIn::Card);
}

/// A part of a record that is to be masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which record of the batch.
    pub(crate) at: usize,
    /// Where in the record's text.
    pub(crate) range: Range<usize>,
    pub(crate) kind: Kind,
}

/// Finds the built-in kinds. Spans come in no order, and may overlap.
pub(crate) fn find(columns: &Columns, kinds: &[BuiltIn], spans: &mut Vec<Span>) {
    let mut look = Look {
        columns,
        kinds,
        spans,
        record: 0,
        text: 0..0,
        read: 0,
    };
    signs(&columns.text, |at| look.closely(at));
}

const LANES: usize = 16;
/// What one turn of the loop looks at: as much as 32 bits stand for.
const STEP: usize = 2 * LANES;
/// In `bearer`, an `r` follows on the `b` so far behind, and in `AKIA` an `A` on the other.
const APART: usize = 3;
const BLOCK: usize = STEP + APART;

/// Calls `look` with places, ascending, that have a sign of something.
fn signs(text: &[u8], mut look: impl FnMut(usize)) {
    let mut digits = Digits::default();
    let mut look_at = |mut signs: u32, at: usize| {
        while signs != 0 {
            look(at + signs.trailing_zeros() as usize);
            signs &= signs - 1;
        }
    };
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let signs = signs_in(block, &mut digits);
        // Asked here, so that the call is made seldom.
        if signs != 0 {
            look_at(signs, at);
        }
        at += STEP;
    }
    // What is left is shorter than a block: with zeros behind it, which are a sign of nothing.
    while at < text.len() {
        let mut block = [0; BLOCK];
        block
            .iter_mut()
            .zip(&text[at..])
            .for_each(|(byte, of_text)| *byte = *of_text);
        look_at(signs_in(&block, &mut digits), at);
        at += STEP;
    }
}

/// A bit for each byte of the step that has a sign.
#[inline(always)]
fn signs_in(block: &[u8; BLOCK], digits: &mut Digits) -> u32 {
    let [low, high] = [0, LANES].map(|from| (lanes(block, from), lanes(block, from + APART)));
    let begun = bits([low, high].map(|(here, there)| begins(here, there)));
    begun | digits.thirteenth(bits([low.0, high.0].map(may_be_card)))
}

/// The lanes with an `@`, or with the first letter of what looks like a key or the word `bearer`.
#[inline(always)]
fn begins(here: u8x16, there: u8x16) -> u8x16 {
    let small = u8x16::splat(0x20);
    let bearer = is(here | small, b'b') & is(there | small, b'r');
    is(here, b'@') | bearer | (is(here, b'A') & is(there, b'A'))
}

/// The lanes with a digit or a separator.
#[inline(always)]
fn may_be_card(bytes: u8x16) -> u8x16 {
    let (value, most) = (bytes - u8x16::splat(b'0'), u8x16::splat(9));
    value.min(most).simd_eq(value) | is(bytes, b' ') | is(bytes, b'-')
}

#[inline(always)]
fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

#[inline(always)]
fn bits([low, high]: [u8x16; 2]) -> u32 {
    low.to_bitmask() | high.to_bitmask() << LANES
}

#[inline(always)]
fn lanes(block: &[u8; BLOCK], from: usize) -> u8x16 {
    let mut lanes = [0; LANES];
    lanes.copy_from_slice(&block[from..from + LANES]);
    u8x16::new(lanes)
}

/// Which bytes may belong to a card number: those of the former step below those of this one.
#[derive(Default)]
struct Digits(u64);

impl Digits {
    /// Takes the next step; gives the bits of those that are at least the thirteenth in a row.
    #[inline(always)]
    fn thirteenth(&mut self, step: u32) -> u32 {
        const { assert!(card::DIGITS_MIN == 13) };
        self.0 = self.0 >> STEP | u64::from(step) << STEP;
        let two = self.0 & self.0 << 1;
        let four = two & two << 2;
        let eight = four & four << 4;
        let thirteen = eight & eight << 5;
        (thirteen >> STEP) as u32
    }
}

/// Reads closely where there was a sign.
struct Look<'a> {
    columns: &'a Columns,
    kinds: &'a [BuiltIn],
    spans: &'a mut Vec<Span>,
    /// The record in hand, and where in the batch its text lies.
    record: usize,
    text: Range<usize>,
    /// How far digits were read, so that no run of them is read twice.
    read: usize,
}

impl Look<'_> {
    fn closely(&mut self, sign: usize) {
        while self.text.end <= sign {
            self.text = self.text.end..self.columns.ends[self.record] as usize;
            self.record += 1;
        }
        let text = &self.columns.text[self.text.clone()];
        let at = sign - self.text.start;
        match text[at] {
            b'@' => self.found(email::around(text, at), BuiltIn::Email),
            b'B' | b'b' => self.found(token::bearer(text, at), BuiltIn::Bearer),
            b'A' => self.found(token::aws_key(text, at), BuiltIn::AwsKey),
            _ if sign >= self.read => {
                let run = run(text, at);
                self.read = self.text.start + run.end;
                card::find(text, run, |range| self.found(Some(range), BuiltIn::Card));
            }
            _ => {}
        }
    }

    fn found(&mut self, range: Option<Range<usize>>, kind: BuiltIn) {
        if let Some(range) = range
            && self.kinds.contains(&kind)
        {
            // `record` is the next one.
            self.spans.push(Span {
                at: self.record - 1,
                range,
                kind: Kind::BuiltIn(kind),
            });
        }
    }
}

/// The run of digits and separators around one of them.
fn run(text: &[u8], at: usize) -> Range<usize> {
    let before = text[..at]
        .iter()
        .rev()
        .take_while(|&&byte| card::has(byte))
        .count();
    let behind = text[at..]
        .iter()
        .take_while(|&&byte| card::has(byte))
        .count();
    at - before..at + behind
}
