//! A body is the JSON that the API takes, in order of time; its events are found again by number, and
//! its last millisecond can be left to the next one.

use std::sync::mpsc::{Receiver, channel};

use super::super::escape::escape;
use super::super::order::Flights;
use super::*;
use crate::record::receipt::news_channel;
use crate::record::{Budget, FileId, News, Range as Source, Receipt};

fn open() -> Open {
    let share = Budget::new(1 << 24).share();
    Open::new(&share, Pool::default())
}

/// Parts of a receipt for some source bytes, and the news of it.
fn parts(slot: u32) -> (Parts, Receiver<News>) {
    let (to, news) = channel::<News>();
    let mut receipt = Receipt::new(slot, news_channel(to));
    receipt.add(Source {
        file: FileId(0),
        from: 0,
        to: 10,
    });
    (receipt.share(), news)
}

fn push(open: &mut Open, time_ms: i64, message: &str) {
    let room = 6 * message.len() + 64;
    let mut framer = Framer::default();
    open.push(time_ms, message.len(), room, &mut framer, |out| {
        escape(message, out);
    });
}

fn to(entity: Option<&str>) -> To {
    To {
        group: "g".into(),
        stream: "s\"1".into(),
        entity: entity.map(Into::into),
    }
}

fn sealed(open: Open) -> Request {
    let departure = Flights::default().depart(open.spans().clone());
    open.seal(to(None), departure)
}

fn read(body: &Body) -> serde_json::Value {
    serde_json::from_slice(&body.json()).unwrap()
}

fn messages(body: &Body) -> Vec<String> {
    let events = read(body)["logEvents"].as_array().unwrap().clone();
    let message = |e: serde_json::Value| e["message"].as_str().unwrap().to_owned();
    events.into_iter().map(message).collect()
}

#[test]
fn a_body_is_the_json_that_the_api_takes() {
    let mut open = open();
    push(&mut open, 5, "a \"b\"\n");
    push(&mut open, 6, "c");
    let body = read(&sealed(open).body);
    assert_eq!(
        body,
        serde_json::json!({
            "logGroupName": "g",
            "logStreamName": "s\"1",
            "logEvents": [
                {"timestamp": 5, "message": "a \"b\"\n"},
                {"timestamp": 6, "message": "c"},
            ],
        })
    );
}

#[test]
fn an_entity_stands_before_the_events() {
    let mut open = open();
    push(&mut open, 5, "a");
    let departure = Flights::default().depart(open.spans().clone());
    let request = open.seal(to(Some("{\"keyAttributes\":{}}")), departure);
    let body = read(&request.body);
    assert_eq!(body["entity"], serde_json::json!({"keyAttributes": {}}));
}

#[test]
fn events_whose_times_fall_are_sorted_and_keep_file_order_within_a_millisecond() {
    let mut open = open();
    // Large ones, so that they lie in several pieces.
    let text = |name: &str| format!("{name}{}", "x".repeat(30_000));
    for (time, name) in [(7, "a"), (5, "b"), (7, "c"), (5, "d"), (6, "e"), (7, "f")] {
        push(&mut open, time, &text(name));
    }
    let body = sealed(open).body;
    assert_eq!(messages(&body), ["b", "d", "e", "a", "c", "f"].map(text));
}

/// Whatever room an escaper asks for: what is held is what was written, and the rest of one piece.
#[test]
fn a_body_is_kept_in_pieces_that_are_pooled() {
    for message in ["\"".repeat(1_000), "x".repeat(100), "\u{1}".repeat(9_000)] {
        let mut open = open();
        for time in 0..100 {
            push(&mut open, time, &message);
        }
        let (held, written) = (open.pieces.allocated(), open.pieces.len());
        let spare = 2 * super::super::pieces::PIECE_BYTES;
        assert!(
            held <= written + written / 4 + spare,
            "{held} bytes for {written}"
        );
    }
}

#[test]
fn a_body_falls_into_halves() {
    let mut open = open();
    for time in 0..3 {
        push(&mut open, time, "m");
    }
    let (first, second) = sealed(open).body.halves();
    assert_eq!((first.len(), second.len()), (1, 2));
    assert_eq!(read(&first)["logEvents"][0]["timestamp"], 0);
    assert_eq!(read(&second)["logEvents"][1]["timestamp"], 2);
    let (_, one) = second.halves();
    assert_eq!(read(&one)["logEvents"][0]["timestamp"], 2);
}

#[test]
fn every_limit_of_a_request_is_kept_to_the_byte() {
    let mut full = open();
    assert!(full.fits(REQUEST_BYTES_MAX - EVENT_OVERHEAD_BYTES));
    assert!(!full.fits(REQUEST_BYTES_MAX - EVENT_OVERHEAD_BYTES + 1));
    push(&mut full, 0, "m");
    for time in [REQUEST_SPAN_MS, -REQUEST_SPAN_MS] {
        assert!(full.spans_to(time));
        assert!(!full.spans_to(time + time.signum()));
    }
    for _ in 1..REQUEST_EVENTS_MAX {
        assert!(full.fits(0));
        push(&mut full, 0, "");
    }
    assert!(!full.fits(0));
}

/// Rejected events come by their place in the request, which is not the one in which they came.
#[test]
fn rejected_events_are_told_to_the_receipts_that_own_them() {
    let mut open = open();
    let (one, of_one) = parts(1);
    let (two, of_two) = parts(2);
    push(&mut open, 30, "new");
    push(&mut open, 20, "kept");
    open.owe(1, &one, 0..10);
    push(&mut open, 10, "old.");
    open.owe(2, &two, 0..10);
    one.close();
    two.close();
    let Request {
        body, mut parts, ..
    } = sealed(open);
    assert_eq!(messages(&body), ["old.", "kept", "new"]);
    body.reject(0..1, &mut parts);
    body.reject(2..3, &mut parts);
    parts.into_iter().for_each(Part::settle);
    let tally = of_one.recv().unwrap().tally;
    assert_eq!(
        (tally.rejected, tally.delivered),
        (Count::new(1, 3), Count::new(1, 4))
    );
    let tally = of_two.recv().unwrap().tally;
    assert_eq!(
        (tally.rejected, tally.delivered),
        (Count::new(1, 4), Count::new(0, 0))
    );
}

#[test]
fn the_last_millisecond_of_a_full_body_goes_to_the_next() {
    let (parts, _news) = parts(1);
    let (mut full, mut next) = (open(), open());
    for (time, message) in [(1, "a"), (2, "b"), (2, "c"), (3, "d"), (3, "\"e\"")] {
        push(&mut full, time, message);
    }
    full.hand_over(3, &mut next);
    push(&mut next, 3, "f");
    let counted = full.counted() + next.counted();
    assert_eq!(counted, 6 * EVENT_OVERHEAD_BYTES + 8);
    full.owe(1, &parts, 0..6);
    next.owe(1, &parts, 6..10);
    let mut flights = Flights::default();
    let first = flights.depart(full.spans().clone());
    assert!(flights.depart(next.spans().clone()).after.is_empty());
    let first = full.seal(to(None), first).body;
    assert_eq!(messages(&first), ["a", "b", "c"]);
    assert_eq!(messages(&sealed(next).body), ["d", "\"e\"", "f"]);
}

/// The whole last piece: its end is then that of the one before, with the comma that goes.
#[test]
fn a_body_whose_last_piece_goes_to_the_next_is_the_json_that_the_api_takes() {
    let (mut full, mut next) = (open(), open());
    let text = "x".repeat(super::super::pieces::PIECE_BYTES - 100);
    (1..4).for_each(|time_ms| push(&mut full, time_ms, &text));
    full.hand_over(3, &mut next);
    assert_eq!(messages(&sealed(full).body).len(), 2);
    assert_eq!(messages(&sealed(next).body), [text]);
}

#[test]
fn a_body_of_one_millisecond_keeps_it() {
    let (mut full, mut next) = (open(), open());
    for message in ["a", "b", "c"] {
        push(&mut full, 3, message);
    }
    full.hand_over(3, &mut next);
    assert_eq!((full.entries.len(), next.is_empty()), (3, true));
}
