//! What holds for any bytes.
//!
//! The oracle for card numbers is written apart from the filter, the slow and plain way: every
//! window of every run.

use logsieve_filter::testing;
use proptest::prelude::*;

use super::settings;
use crate::Redact;

fn redact(json: &str, texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let records = testing::run(Redact::new(settings(json)).unwrap(), texts.iter().cloned());
    records.into_iter().map(|record| record.text).collect()
}

/// True where some groups of digits, one separator apart, make a card number.
fn has_card(text: &[u8]) -> bool {
    (0..text.len()).any(|start| (start + 13..=text.len()).any(|end| is_card(text, start, end)))
}

fn is_card(text: &[u8], start: usize, end: usize) -> bool {
    let at = |n: usize| text.get(n).copied().unwrap_or(b'x');
    let outside = |n: Option<usize>| n.is_none_or(|n| !at(n).is_ascii_digit());
    let groups: Vec<&[u8]> = text[start..end]
        .split(|byte| b" -".contains(byte))
        .collect();
    let digits: Vec<u32> = groups
        .concat()
        .iter()
        .map(|byte| u32::from(byte.wrapping_sub(b'0')))
        .collect();
    outside(start.checked_sub(1))
        && outside(Some(end))
        && (13..=19).contains(&digits.len())
        && groups.iter().all(|group| group.len() >= 3)
        && digits.iter().all(|&digit| digit < 10)
        && digits[0] >= 2
        && !(groups.len() == 1 && is_fraction(&text[..start]))
        && luhn(&digits)
}

/// `7.`, `1234.`, `1 23.`, but not `12345.`, nor `4111 1111.`, nor `a1.`.
fn is_fraction(before: &[u8]) -> bool {
    let words: Vec<&[u8]> = before
        .split(|byte| !byte.is_ascii_digit() && !b" -.".contains(byte))
        .collect();
    let Some(word) = words.last().and_then(|word| word.strip_suffix(b".")) else {
        return false;
    };
    let digits = word
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = &word[..word.len() - digits];
    let joined = digits >= 3
        && rest.len() >= 2
        && rest[rest.len() - 2].is_ascii_digit()
        && b" -".contains(&rest[rest.len() - 1]);
    let part_of_word = rest.is_empty()
        && before.len() > digits + 1
        && before[before.len() - digits - 2].is_ascii_alphanumeric();
    (1..5).contains(&digits) && !joined && !part_of_word
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |n: usize, digit: u32| {
        if n % 2 == 1 {
            (2 * digit) / 10 + (2 * digit) % 10
        } else {
            digit
        }
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, &digit)| doubled(n, digit))
        .sum();
    sum.is_multiple_of(10)
}

/// Logs that are full of what is looked for, whole and in pieces.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[0-9]{1,20}".prop_map(String::into_bytes),
        2 => "[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,7}".prop_map(String::into_bytes),
        2 => Just(b"4111 1111 1111 1111".to_vec()),
        1 => Just(b"378282246310005".to_vec()),
        1 => "[a-z.@ ]{1,12}".prop_map(String::into_bytes),
        1 => "(Bearer|bearer|BEAR) [a-zA-Z0-9.=]{0,9}".prop_map(String::into_bytes),
        1 => "A[KS]IA[A-Z0-9]{12,18}".prop_map(String::into_bytes),
        1 => "[ .:*-]{1,3}".prop_map(String::into_bytes),
        1 => "[0-9]{0,5}[.]4111111111111111".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const ALL_SETTINGS: [&str; 4] = [
    "{}",
    r#"{"mask": "token"}"#,
    r#"{"card_keeps_last_four": true}"#,
    r#"{"card_keeps_last_four": true, "mask": "token"}"#,
];

proptest! {
    #[test]
    fn no_card_number_is_left(texts in prop::collection::vec(text(), 1..4)) {
        for json in ALL_SETTINGS {
            for text in redact(json, &texts) {
                prop_assert!(!has_card(&text), "{json}: {}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn stars_keep_the_length_and_everything_else(texts in prop::collection::vec(text(), 1..4)) {
        for (before, after) in texts.iter().zip(redact("{}", &texts)) {
            prop_assert_eq!(before.len(), after.len());
            prop_assert!(before.iter().zip(&after).all(|(before, after)| before == after || *after == b'*'));
        }
    }

    #[test]
    fn a_record_is_masked_alike_alone_and_among_others(texts in prop::collection::vec(text(), 1..6)) {
        let alone: Vec<_> = texts.iter().flat_map(|text| redact("{}", std::slice::from_ref(text))).collect();
        prop_assert_eq!(redact("{}", &texts), alone);
    }

    #[test]
    fn plain_words_and_short_numbers_stay(text in "([a-zA-Z_:,\\{\\}\"]{1,8}[0-9]{0,5}[ =]){0,60}") {
        prop_assume!(!text.to_ascii_lowercase().contains("bearer "));
        let texts = [text.into_bytes()];
        prop_assert_eq!(&redact("{}", &texts)[..], &texts[..]);
    }
}
