//! What is masked and what is left alone, one kind at a time; `properties` says it for any bytes.
//! They need neither Wasm nor a cluster.

mod properties;

use logsieve_filter::testing::{self, Run};

use crate::{Redact, Settings};

fn settings(json: &str) -> Settings {
    testing::settings(json).unwrap()
}

fn masked_with(json: &str, text: &str) -> String {
    let records = testing::run(Redact::new(settings(json)).unwrap(), [text]);
    String::from_utf8(records[0].text.clone()).unwrap()
}

fn masked(text: &str) -> String {
    masked_with("{}", text)
}

fn stays(text: &str) {
    assert_eq!(masked(text), text);
}

#[test]
fn a_card_number_is_masked_in_one_piece_and_in_groups() {
    assert_eq!(
        masked("pay 4111111111111111 now"),
        "pay **************** now"
    );
    assert_eq!(
        masked("pay 4111 1111 1111 1111 now"),
        "pay **** **** **** **** now"
    );
    assert_eq!(masked("amex 3782-822463-10005"), "amex ****-******-*****");
    assert_eq!(
        masked(r#"{"card":"4222222222222"}"#),
        r#"{"card":"*************"}"#
    );
}

#[test]
fn a_card_number_is_found_wherever_it_stands() {
    for before in 0..80 {
        for behind in [0, 1, 40] {
            let (before, behind) = ("x".repeat(before), "y".repeat(behind));
            let found = masked(&format!("{before}4111111111111111{behind}"));
            assert_eq!(found, format!("{before}****************{behind}"));
        }
    }
}

#[test]
fn card_numbers_of_records_that_follow_each_other_are_all_found() {
    let card = "4111111111111111";
    let records = testing::run(
        Redact::new(settings("{}")).unwrap(),
        [card, "", card, " ", card],
    );
    assert_eq!(
        records,
        [
            "*".repeat(16),
            String::new(),
            "*".repeat(16),
            " ".into(),
            "*".repeat(16)
        ]
    );
}

#[test]
fn a_card_number_is_found_behind_other_numbers() {
    assert_eq!(
        masked("2026-01-01 4111111111111111"),
        "2026-01-01 ****************"
    );
    assert_eq!(
        masked("order 123 4111 1111 1111 1111"),
        "order 123 **** **** **** ****"
    );
}

#[test]
fn the_last_four_digits_of_a_card_stay_if_asked_for() {
    let keep = r#"{"card_keeps_last_four": true}"#;
    assert_eq!(
        masked_with(keep, "4111 1111 1111 1234 ok"),
        "4111 1111 1111 1234 ok"
    );
    assert_eq!(
        masked_with(keep, "5555-5555-5555-4444 ok"),
        "****-****-****-4444 ok"
    );
    let token = r#"{"card_keeps_last_four": true, "mask": "token"}"#;
    assert_eq!(
        masked_with(token, "5555-5555-5555-4444 ok"),
        "[card 4444] ok"
    );
}

#[test]
fn no_digit_stays_where_more_digits_follow() {
    let keep = r#"{"card_keeps_last_four": true}"#;
    assert_eq!(
        masked_with(keep, "5555555555554444 123456789"),
        "**************** 123456789"
    );
}

#[test]
fn numbers_that_are_no_card_stay() {
    stays("4111111111111112"); // fails Luhn
    stays("1767225600000"); // a timestamp; whether it passes Luhn does not matter
    stays("0.4111111111111111,1234.4111111111111111");
    stays("2026-01-01 12:30:00.123456789");
    stays("41111111111111111111"); // twenty digits
    stays("10.0.0.12 10.20.30.40");
}

#[test]
fn an_email_address_is_masked() {
    assert_eq!(
        masked("from jane.doe+x@mail.example.com."),
        "from ****************************."
            .replace("****************************", &"*".repeat(27))
    );
    assert_eq!(masked("<a@b.co>"), "<******>");
    assert_eq!(
        masked("jürgen@exämple.de"),
        "*".repeat("jürgen@exämple.de".len())
    );
    assert_eq!(
        masked_with(r#"{"mask": "token"}"#, "user=jane@example.com,id=7"),
        "user=[email],id=7"
    );
}

#[test]
fn what_only_resembles_an_address_stays() {
    for text in [
        "@Override",
        "user@localhost",
        "a@b.",
        "a@.com",
        "lib@1.2.3",
        "x @ y.com",
        "@",
        "a@",
    ] {
        stays(text);
    }
}

#[test]
fn an_address_behind_a_json_escape_leaves_the_escape_whole() {
    assert_eq!(
        masked(r#"{"msg":"to:\njane@example.com"}"#),
        r#"{"msg":"to:\n****************"}"#
    );
    assert_eq!(
        masked(r#"{"msg":"\u00fcjane@example.com"}"#),
        r#"{"msg":"\u00fc****************"}"#
    );
    assert_eq!(
        masked(r"C:\\njane@example.com"),
        format!(r"C:\\{}", "*".repeat(17))
    );
}

#[test]
fn an_access_key_id_is_masked_and_a_word_that_begins_like_one_is_not() {
    assert_eq!(
        masked("key=AKIAIOSFODNN7EXAMPLE;"),
        "key=********************;"
    );
    assert_eq!(masked("ASIAIOSFODNN7EXAMPLE"), "********************");
    stays("AKIAlabama AKIA ASIAN MARKETS AKIAIOSFODNN7EXAMPL");
}

#[test]
fn a_bearer_token_is_masked_in_any_case() {
    assert_eq!(
        masked("Authorization: Bearer abc.DEF-1_2=="),
        "Authorization: Bearer *************"
    );
    assert_eq!(masked(r#""bEARER  x","y""#), r#""bEARER  *","y""#);
    assert_eq!(
        masked_with(r#"{"mask": "token"}"#, "BEARER abc"),
        "BEARER [bearer]"
    );
    stays("the bearer, Bearer");
}

#[test]
fn kinds_that_are_left_out_stay() {
    let text = "4111111111111111 jane@example.com AKIAIOSFODNN7EXAMPLE Bearer abc";
    let emails_only = masked_with(r#"{"kinds": ["email"]}"#, text);
    assert_eq!(
        emails_only,
        "4111111111111111 **************** AKIAIOSFODNN7EXAMPLE Bearer abc"
    );
    let rest = masked_with(r#"{"kinds": ["card", "aws_key", "bearer"]}"#, text);
    assert_eq!(
        rest,
        "**************** jane@example.com ******************** Bearer ***"
    );
}

#[test]
fn own_patterns_are_masked_under_their_name() {
    let ibans = r#"{"patterns": {"iban": "\\b[A-Z]{2}\\d{2}[A-Z0-9]{11,30}\\b"}, "mask": "token"}"#;
    assert_eq!(
        masked_with(ibans, "to DE89370400440532013000 ok"),
        "to [iban] ok"
    );
    // Where they overlap with a built-in kind, all of both is masked.
    let broad = r#"{"patterns": {"tail": "1111 .*"}}"#;
    assert_eq!(
        masked_with(broad, "4111 1111 1111 1111 ok"),
        "**********************"
    );
}

#[test]
fn what_was_masked_is_counted_by_kind() {
    let seen = Run::new(Redact::new(settings("{}")).unwrap())
        .batch(["a@b.co c@d.co", "Bearer x", "nothing"])
        .finish();
    let counters: Vec<_> = seen.counters.into_iter().collect();
    assert_eq!(
        counters,
        [("bearer_tokens".into(), 1), ("emails".into(), 2)]
    );
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| Redact::new(settings(json)).err().unwrap();
    assert!(refused(r#"{"kinds": []}"#).starts_with("`kinds` is empty"));
    assert!(
        refused(r#"{"kinds": ["email"], "card_keeps_last_four": true}"#)
            .contains("leaves `card` out")
    );
    assert!(refused(r#"{"patterns": {"a b": "x"}}"#).contains("`a b` is no name"));
    assert!(refused(r#"{"patterns": {"open": "("}}"#).starts_with("`patterns`: pattern 0 (`(`): "));
    let unknown = testing::settings::<Settings>(r#"{"kinds": ["cards"]}"#).unwrap_err();
    assert!(
        unknown.starts_with("settings: `kinds[0]`: unknown variant `cards`"),
        "{unknown}"
    );
}
