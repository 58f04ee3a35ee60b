//! Against serde_json: what it reads of JSON is what is read here, and what does not fit is named by
//! its path.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::read;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Everything {
    text: String,
    count: u32,
    below: i64,
    part: f64,
    maybe: Option<bool>,
    list: Vec<Form>,
    by_number: BTreeMap<u16, (u8, String)>,
    one_of: Untagged,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Plain,
    Named(String),
    Pair(u8, u8),
    Full { depth: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(f64),
    Texts(Vec<String>),
}

impl Default for Everything {
    fn default() -> Self {
        Self {
            text: String::new(),
            count: 0,
            below: 0,
            part: 0.0,
            maybe: None,
            list: Vec::new(),
            by_number: BTreeMap::new(),
            one_of: Untagged::Number(0.0),
        }
    }
}

fn same<T: DeserializeOwned + PartialEq + std::fmt::Debug>(json: &str) {
    let (ours, theirs) = (read::<T>(json), serde_json::from_str::<T>(json));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{json}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{json}: {ours:?}, {theirs:?}"),
    }
}

#[test]
fn every_kind_of_setting_is_read() {
    for json in [
        "{}",
        r#" { "text" : "a\u00fc\ud83d\ude00\n\"" , "count":4294967295, "below": -9223372036854775808 } "#,
        r#"{"part": 1.25e2, "maybe": null}"#,
        r#"{"part": 3, "maybe": true}"#,
        r#"{"list": ["plain", {"named": "x"}, {"pair": [1, 2]}, {"full": {"depth": 3}}, {"plain": null}]}"#,
        r#"{"by_number": {"7": [1, "b"], "8": [2, ""]}, "one_of": ["a"]}"#,
        r#"{"one_of": 0.5}"#,
        r#"{"one_of": 100000000000000000000}"#,
        // None of these.
        r#"{"count": -1}"#,
        r#"{"count": 1.5}"#,
        r#"{"count": "1"}"#,
        r#"{"text": 1}"#,
        r#"{"text": "\ud83d"}"#,
        r#"{"list": ["other"]}"#,
        r#"{"list": [{"pair": [1]}]}"#,
        r#"{"list": [1]}"#,
        r#"{"by_number": {"x": [1, "b"]}}"#,
        r#"{"one_of": true}"#,
        r#"{"unknown": 1}"#,
        r#"{"text": "a"} x"#,
        r#"{"text": "a",}"#,
        r#"{"text" "a"}"#,
        r#"{"text": "a"#,
        "[",
        "",
    ] {
        same::<Everything>(json);
    }
}

#[test]
fn what_does_not_fit_is_named_by_its_path() {
    let error = |json: &str| {
        let error = read::<Everything>(json).unwrap_err();
        format!("{}: {}", error.path, error.cause)
    };
    assert_eq!(
        error(r#"{"list": ["plain", {"full": {"depth": 300}}]}"#),
        "list[1].depth: invalid value: integer `300`, expected u8"
    );
    assert_eq!(
        error(r#"{"by_number": {"7": [1, 2.5]}}"#),
        "by_number.7[1]: invalid type: number with a fraction, expected a string"
    );
    assert_eq!(
        error(r#"{"maybe": "no"}"#),
        "maybe: invalid type: string `no`, expected a boolean"
    );
    assert!(error(r#"{"txet": ""}"#).starts_with(": unknown field `txet`, expected one of `text`"));
}

#[test]
fn values_too_far_inside_each_other_are_refused() {
    let error = read::<Value>(&"[".repeat(100_000)).unwrap_err();
    assert!(error.cause.contains("too far inside"), "{error:?}");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Those that are exact.
        (any::<i32>(), 0..4)
            .prop_map(|(n, places)| Value::from(f64::from(n) / 10_f64.powi(places))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_what_serde_json_reads(value in json()) {
        prop_assert_eq!(read::<Value>(&value.to_string()).unwrap(), value.clone());
        prop_assert_eq!(read::<Value>(&serde_json::to_string_pretty(&value).unwrap()).unwrap(), value);
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"[\[\]{}",:\\0-9a-z.eE+ü-]{0,40}"#) {
        let (ours, theirs) = (read::<Value>(&text), serde_json::from_str::<Value>(&text));
        // Of numbers it may read more.
        prop_assert!(ours.is_ok() || theirs.is_err(), "{text}");
    }
}
