//! Puts stars or tokens in place of what was found.
//!
//! Parts that overlap are masked as one, of the kind of the first: nothing of any of them stays.

use logsieve_filter::Batch;

use crate::card;
use crate::scan::{Kind, Span};
use crate::settings::{BuiltIn, Mask, Settings};

/// How many digits of a card number may stay.
const KEPT_DIGITS: usize = 4;

/// Masks the spans, which [`merge`] has put in order.
pub(crate) fn apply(batch: &mut Batch<'_>, spans: &[Span], settings: &Settings) {
    for Span { at, range, kind } in spans {
        let text = batch.text(*at);
        let kept = match kind {
            Kind::BuiltIn(BuiltIn::Card)
                if settings.card_keeps_last_four && stands_alone(&text[range.end..]) =>
            {
                KEPT_DIGITS
            }
            _ => 0,
        };
        let masked = match settings.mask {
            Mask::Stars => stars(&text[range.clone()], *kind, kept),
            Mask::Token => token(&text[range.clone()], *kind, kept, settings),
        };
        batch.record(*at).splice(range.clone(), masked);
    }
}

/// Sorts, and makes one of those that overlap.
pub(crate) fn merge(spans: &mut Vec<Span>) {
    spans.retain(|span| !span.range.is_empty());
    spans.sort_unstable_by_key(|span| (span.at, span.range.start, span.range.end));
    spans.dedup_by(|later, earlier| {
        let overlap = later.at == earlier.at && later.range.start < earlier.range.end;
        if overlap {
            earlier.range.end = earlier.range.end.max(later.range.end);
            // What begins as a card number and goes on as something else keeps no digits.
            if earlier.kind == Kind::CARD {
                earlier.kind = later.kind;
            }
        }
        overlap
    });
}

/// False where a further group of digits follows: those that stay and it might read as a card number.
fn stands_alone(behind: &[u8]) -> bool {
    !matches!(behind, [b' ' | b'-', group @ ..] if card::is_group(group))
}

/// A star for each byte, but for a card number's separators and the digits that stay.
fn stars(text: &[u8], kind: Kind, kept: usize) -> Vec<u8> {
    let mut masked = text.to_vec();
    let mut digits = 0;
    for byte in masked.iter_mut().rev() {
        digits += usize::from(byte.is_ascii_digit());
        let stays = kind == Kind::CARD && (b" -".contains(byte) || digits <= kept);
        if !stays {
            *byte = b'*';
        }
    }
    masked
}

fn token(text: &[u8], kind: Kind, kept: usize, settings: &Settings) -> Vec<u8> {
    let name = match kind {
        Kind::BuiltIn(BuiltIn::Card) => "card",
        Kind::BuiltIn(BuiltIn::Email) => "email",
        Kind::BuiltIn(BuiltIn::AwsKey) => "aws_key",
        Kind::BuiltIn(BuiltIn::Bearer) => "bearer",
        Kind::Pattern(n) => settings
            .patterns
            .keys()
            .nth(n)
            .map_or("pattern", String::as_str),
    };
    let mut token = format!("[{name}");
    if kept > 0 {
        let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
        token.push(' ');
        token.extend(
            digits[digits.len() - kept..]
                .iter()
                .copied()
                .map(char::from),
        );
    }
    token.push(']');
    token.into_bytes()
}
