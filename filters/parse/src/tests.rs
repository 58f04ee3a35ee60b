//! What each form takes apart, and what it leaves alone.
//! They need neither Wasm nor the agent.

use logsieve_filter::testing::{self, Run};

use crate::{Parse, Settings};

fn parsed_with(json: &str, text: &str) -> String {
    let settings: Settings = testing::settings(json).unwrap();
    let records = testing::run(Parse::new(settings).unwrap(), [text]);
    records
        .first()
        .map_or_else(String::new, |r| String::from_utf8(r.text.clone()).unwrap())
}

fn parsed(text: &str) -> String {
    parsed_with("{}", text)
}

#[test]
fn logfmt_becomes_json_in_its_order() {
    assert_eq!(
        parsed(r#"level=info msg="two \"words\"\n" took=12ms cached path="#),
        r#"{"level":"info","msg":"two \"words\"\n","took":"12ms","cached":true,"path":""}"#
    );
}

#[test]
fn what_only_resembles_logfmt_stays() {
    for text in [
        "a plain line",
        "x = 1",
        "a=b",
        "see http://x/?a=1&b=2 now",
        "a=\"open b=1",
        "{\"a\":1}",
        "",
        "=a b=c",
    ] {
        assert_eq!(parsed(text), text);
    }
}

#[test]
fn an_access_log_becomes_json() {
    let combined = r#"10.0.0.1 - jane [24/Nov/2026:08:00:00 +0000] "GET /a?b=\"c\" HTTP/1.1" 200 1234 "https://x/" "curl/8" "1.2.3.4""#;
    let wanted = r#"{"client":"10.0.0.1","user":"jane","time":"24/Nov/2026:08:00:00 +0000","method":"GET","path":"/a?b=\\\"c\\\"","protocol":"HTTP/1.1","status":200,"bytes":1234,"referer":"https://x/","agent":"curl/8","rest":"\"1.2.3.4\""}"#;
    assert_eq!(parsed(combined), wanted);
    let common = r#"::1 - - [24/Nov/2026:08:00:00 +0000] "\x16\x03" 400 -"#;
    let wanted = r#"{"client":"::1","time":"24/Nov/2026:08:00:00 +0000","request":"\\x16\\x03","status":400}"#;
    assert_eq!(parsed(common), wanted);
}

#[test]
fn named_groups_become_fields() {
    let regex =
        r#"{"forms": [{"regex": "^(?<level>[A-Z]+) (?:\\[(?<thread>\\w+)\\] )?(?<message>.*)$"}]}"#;
    assert_eq!(
        parsed_with(regex, "WARN [main] höt"),
        r#"{"level":"WARN","thread":"main","message":"höt"}"#
    );
    assert_eq!(
        parsed_with(regex, "WARN hot"),
        r#"{"level":"WARN","message":"hot"}"#
    );
    assert_eq!(parsed_with(regex, "warn hot"), "warn hot");
}

#[test]
fn json_in_a_field_is_lifted_and_keeps_its_numbers() {
    let nested = r#"{"forms": [{"nested": "log"}]}"#;
    assert_eq!(
        parsed_with(
            nested,
            r#"{"n":1.10,"log":"{\"b\":12345678901234567890,\"n\":2}\n","x":[1, 2]}"#
        ),
        r#"{"x":[1, 2],"b":12345678901234567890,"n":2}"#
    );
    for text in [
        r#"{"log":"no object"}"#,
        r#"{"log":1}"#,
        r#"{"other":"{}"}"#,
        "{",
        "plain",
    ] {
        assert_eq!(parsed_with(nested, text), text);
    }
}

#[test]
fn groups_that_are_numbers_become_numbers() {
    let regex = r#"{"forms": [{"regex": "(?<ms>\\S+) (?<n>\\S+)"}], "numbers": ["ms", "n"]}"#;
    for (text, wanted) in [
        ("0.012 -7", r#"{"ms":0.012,"n":-7}"#),
        ("1. .5", r#"{"ms":"1.","n":".5"}"#),
        ("007 1e5", r#"{"ms":"007","n":"1e5"}"#),
    ] {
        assert_eq!(parsed_with(regex, text), wanted);
    }
}

#[test]
fn a_record_gets_the_time_that_its_field_says() {
    let settings = |time: &str| -> Settings {
        testing::settings(&format!(r#"{{"forms": ["access"], "time": {time}}}"#)).unwrap()
    };
    let time = r#"{"field": "time", "format": "%d/%b/%Y:%H:%M:%S %z"}"#;
    let line = r#"::1 - - [24/Nov/2026:10:00:00 +0200] "GET / HTTP/1.1" 200 -"#;
    let seen = Run::new(Parse::new(settings(time)).unwrap())
        .batch([
            line,
            r#"{"time":"24/Nov/2026:08:00:01 +0000"}"#,
            "plain",
            "{}",
        ])
        .finish();
    let times: Vec<_> = seen
        .records
        .iter()
        .map(|r| r.time / 1_000_000_000)
        .collect();
    assert_eq!(times[..2], [1_795_507_200, 1_795_507_201]);
    // What says no time keeps its own; what is not parsed is asked for none.
    assert!(times[2..].iter().all(|&time| time < 1_795_507_200));
    assert_eq!(seen.counters["no_time"], 1);
    for (time, why) in [
        (r#"{"field": "t", "format": "%Q"}"#, "`time.format`: `%Q`"),
        (r#"{"field": "t", "offset": "2h"}"#, "`time.offset`: `2h`"),
    ] {
        let refused = Parse::new(settings(time)).err().unwrap();
        assert!(refused.starts_with(why), "{refused}");
    }
}

#[test]
fn forms_are_tried_in_order_and_the_text_may_be_kept() {
    let settings = r#"{"forms": ["logfmt", {"regex": "(?<all>.+)"}], "keep": "text"}"#;
    assert_eq!(
        parsed_with(settings, "a=1 b=2"),
        r#"{"a":"1","b":"2","text":"a=1 b=2"}"#
    );
    assert_eq!(parsed_with(settings, "x"), r#"{"all":"x","text":"x"}"#);
}

#[test]
fn what_no_form_fits_is_left_dropped_or_wrapped_and_counted() {
    assert_eq!(parsed_with(r#"{"otherwise": "drop"}"#, "plain"), "");
    assert_eq!(
        parsed_with(r#"{"otherwise": {"wrap": "message"}}"#, "a\tb\u{1}"),
        r#"{"message":"a\tb\u0001"}"#
    );
    // It is JSON already.
    assert_eq!(
        parsed_with(r#"{"otherwise": "drop"}"#, r#"{"a":1}"#),
        r#"{"a":1}"#
    );
    let settings: Settings = testing::settings("{}").unwrap();
    let seen = Run::new(Parse::new(settings).unwrap())
        .batch(["plain", "{}", "a=1 b=2"])
        .finish();
    assert_eq!(seen.counters["not_parsed"], 1);
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    let refused = |json: &str| Parse::new(testing::settings(json).unwrap()).err().unwrap();
    assert!(refused(r#"{"forms": []}"#).starts_with("`forms` is empty"));
    assert!(refused(r#"{"forms": ["logfmt", {"regex": "("}]}"#).starts_with("`forms[1]`: `(`: "));
    assert!(refused(r#"{"forms": [{"regex": "a"}]}"#).contains("has no named group"));
    assert!(testing::settings::<Settings>(r#"{"forms": ["xml"]}"#).is_err());
}
