//! What becomes of fields, and of what has none.
//! They need neither Wasm nor the agent.

use logsieve_filter::testing;

use crate::{Fields, Settings};

fn of(json: &str, text: &str) -> String {
    let settings: Settings = testing::settings(json).unwrap();
    let records = testing::run(Fields::new(settings).unwrap(), [text]);
    String::from_utf8(records[0].text.clone()).unwrap()
}

#[test]
fn objects_inside_are_flattened_in_their_place() {
    assert_eq!(
        of(
            r#"{"flatten": "."}"#,
            r#" {"a":{"b":{"c":1.0},"d":[{"e":2}]},"f":{},"g":"{"} "#
        ),
        r#"{"a.b.c":1.0,"a.d":[{"e":2}],"f":{},"g":"{"}"#
    );
    assert_eq!(
        of(
            r#"{"flatten": "_", "depth_max": 1}"#,
            r#"{"a":{"b":{"c":1}}}"#
        ),
        r#"{"a_b":{"c":1}}"#
    );
}

#[test]
fn fields_are_removed_renamed_and_added_in_this_order() {
    let settings = r#"{"flatten": ".", "remove": ["a.x"], "rename": {"a.b": "c"}, "add": {"env": "prod", "c": 0}}"#;
    assert_eq!(
        of(settings, r#"{"a":{"x":1,"b":12345678901234567890}}"#),
        r#"{"c":12345678901234567890,"env":"prod"}"#
    );
}

#[test]
fn fields_are_copied_set_and_removed_by_the_beginning_of_their_names() {
    let settings = r#"{"remove": ["tmp_*", "x"], "copy": {"a": "b", "none": "c"}, "set": {"a": 2, "new": null}}"#;
    assert_eq!(
        of(settings, r#"{"tmp_1":1,"a":1,"tmp":3,"x":0,"xy":1}"#),
        r#"{"a":2,"tmp":3,"xy":1,"b":1,"new":null}"#
    );
}

/// It made an object with two fields of one name.
#[test]
fn no_field_gets_a_name_that_another_has() {
    let settings = r#"{"rename": {"msg": "message"}, "copy": {"n": "message"}}"#;
    let both = r#"{"msg":"a","message":"b","n":1}"#;
    assert_eq!(of(settings, both), both);
}

#[test]
fn only_the_records_that_are_named_are_changed() {
    let settings = r#"{"set": {"team": "web"}, "of": {"contains": ["\"app\":\"shop\""]}}"#;
    assert_eq!(of(settings, r#"{"app":"x"}"#), r#"{"app":"x"}"#);
    assert_eq!(
        of(settings, r#"{"app":"shop"}"#),
        r#"{"app":"shop","team":"web"}"#
    );
}

#[test]
fn what_has_nothing_to_change_is_not_touched() {
    for text in ["plain", "", "[1]", "{", r#"{"a":1} x"#, r#"{ "a" : 1 }"#] {
        assert_eq!(of(r#"{"remove": ["b"]}"#, text), text);
    }
}

#[test]
fn names_keep_their_escapes() {
    assert_eq!(
        of(r#"{"add": {"b": 1}}"#, r#"{"a\"\u00fc":1}"#),
        "{\"a\\\"ü\":1,\"b\":1}"
    );
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| Fields::new(testing::settings(json).unwrap()).err().unwrap();
    assert!(refused("{}").contains("nothing would be changed"));
    assert!(refused(r#"{"set": {"a": 1}, "of": {}}"#).contains("`of` names no record"));
    assert!(
        refused(r#"{"remove": ["a"], "rename": {"a": "b"}}"#)
            .contains("`a` is in `remove` and in `rename`")
    );
}
