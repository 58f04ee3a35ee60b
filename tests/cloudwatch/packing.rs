//! Every limit of a request, on both sides of its edge: what the packer makes of any records passes
//! the rules of the strict fake, and a request that it closes for being full could not have taken
//! the next record.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use logsieve::clock::Now;
use logsieve::record::receipt::news_channel;
use logsieve::record::{Budget, Columns, Container, FileId, News, Range, Receipt, Stream};
use logsieve::sink::cloudwatch::Format;
use logsieve::sink::cloudwatch::pack::Pack;
use logsieve::sink::{Delivery, Names, Request, cloudwatch};
use logsieve::telemetry::metrics::SinkMetrics;
use proptest::prelude::*;
use serde::Deserialize;
use support::cloudwatch::limits::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_SPAN_MS_MAX, EVENT_OVERHEAD_BYTES,
};
use support::cloudwatch::put::{LogEvent, WireEvent, check, judge};

/// A time at which the records of these tests are all young enough.
const NOW_MS: i64 = 1_800_000_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    log_events: Vec<WireEvent>,
}

/// Packs batches of records, each its time before [`NOW_MS`] and its text, of the containers in
/// turn; gives back the events of each request as the service reads them.
fn packed(format: Format, batches: &[Vec<(i64, Vec<u8>)>]) -> Vec<Vec<LogEvent>> {
    let config = cloudwatch::Config {
        format: Some(format),
        ..cloudwatch::Config::default()
    };
    let budget = Budget::new(1 << 40);
    let share = Arc::new(move |_: &str| budget.share());
    let mut pack = Pack::new(&config, share, SinkMetrics::default());
    let container = Arc::new(Container {
        namespace: "n".into(),
        pod: "p".into(),
        pod_uid: "u".into(),
        name: "c".into(),
        facts: [("k8s.pod.name".to_owned(), "p\"1".to_owned())].into(),
    });
    let (to, _news) = channel::<News>();
    let mut out = Vec::new();
    let now = Now {
        mono: Duration::ZERO,
        wall: 0,
    };
    for (slot, batch) in (0..).zip(batches) {
        let mut columns = Columns::default();
        for (before, text) in batch {
            let nanos = u64::try_from(NOW_MS - before).unwrap() * 1_000_000;
            columns.push(text, nanos, Stream::Stdout, 1);
        }
        let mut receipt = Receipt::new(slot % 3, news_channel(to.clone()));
        receipt.add(Range {
            file: FileId(0),
            from: 0,
            to: 1,
        });
        let parts = receipt.share();
        let delivery = Delivery {
            slot: slot % 3,
            container: &container,
            names: &Names::default(),
            columns: &columns,
            which: &|_| true,
            parts: &parts,
        };
        pack.append(&delivery, now, &mut out);
        parts.close();
    }
    pack.flush(now, true, &mut out);
    out.into_iter().map(events).collect()
}

/// The events of a request, after the service's own checks.
fn events(request: Request) -> Vec<LogEvent> {
    let Request::Cloudwatch(request) = request else {
        panic!("a request for CloudWatch");
    };
    let wire: Wire = serde_json::from_slice(&request.body.json()).unwrap();
    let events = check(wire.log_events).unwrap();
    let judgement = judge(&events, NOW_MS, None).unwrap();
    assert_eq!(judgement.rejected, None);
    events
}

/// Whether the service would take these as one request.
fn taken(events: &[LogEvent]) -> bool {
    let wire = events.iter().map(|event| WireEvent {
        timestamp: Some(event.timestamp),
        message: Some(event.message.clone()),
    });
    check(wire.collect()).is_ok_and(|events| judge(&events, NOW_MS, None).is_ok())
}

/// No request that was closed had room for the first event of the next one.
fn assert_filled(requests: &[Vec<LogEvent>]) -> Result<(), TestCaseError> {
    for pair in requests.windows(2) {
        let mut more = pair[0].clone();
        more.push(pair[1][0].clone());
        more.sort_by_key(|event| event.timestamp);
        prop_assert!(!taken(&more), "{} events and one more fit", pair[0].len());
    }
    Ok(())
}

/// Texts of all kinds: plain, full of escapes, not UTF-8, empty.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z ]{0,40}".prop_map(String::into_bytes),
        "[\"\\\\\\n\\t\\x01ü😀]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        (any::<u8>(), 0..50_000_usize).prop_map(|(byte, count)| vec![byte; count]),
        (0..4_000_usize).prop_map(|count| "\"\u{1}é".repeat(count).into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_is_written_makes_requests_that_the_service_takes(
        batches in proptest::collection::vec(
            proptest::collection::vec((0..5 * BATCH_SPAN_MS_MAX, text()), 1..30), 1..8),
        json in any::<bool>(),
    ) {
        let format = if json { Format::Json } else { Format::Text };
        let requests = packed(format, &batches);
        let written: usize = batches.iter().map(Vec::len).sum();
        prop_assert!(requests.iter().map(Vec::len).sum::<usize>() >= written);
    }

    /// The last event fills the request to the byte, or is one byte too long for it.
    #[test]
    fn a_request_is_filled_to_its_last_byte(lengths in proptest::collection::vec(1..200_000_usize, 1..10)) {
        let sizes = lengths.iter().scan(BATCH_BYTES_MAX, |left, length| {
            *left = left.checked_sub(length + EVENT_OVERHEAD_BYTES)?;
            Some((*length, *left))
        });
        let sizes: Vec<(usize, usize)> = sizes.collect();
        let left = sizes.last().map_or(BATCH_BYTES_MAX, |size| size.1);
        prop_assume!(left > EVENT_OVERHEAD_BYTES + 1 && left < 900_000);
        let rest = left - EVENT_OVERHEAD_BYTES;
        for (last, requests) in [(rest, 1), (rest + 1, 2)] {
            let lengths = sizes.iter().map(|size| size.0).chain([last]);
            let batch = lengths.zip(0..).map(|(length, at)| (1000 - at, vec![b'x'; length]));
            let packed = packed(Format::Text, &[batch.collect()]);
            prop_assert_eq!(packed.len(), requests);
            assert_filled(&packed)?;
        }
    }

    #[test]
    fn a_request_spans_a_day_and_not_a_millisecond_more(from in 0..BATCH_SPAN_MS_MAX, over in -2..3_i64) {
        let batch = vec![(from + BATCH_SPAN_MS_MAX + over, b"a".to_vec()), (from, b"b".to_vec())];
        let packed = packed(Format::Text, &[batch]);
        prop_assert_eq!(packed.len(), if over > 0 { 2 } else { 1 });
        assert_filled(&packed)?;
    }

    #[test]
    fn a_request_has_ten_thousand_events_and_not_one_more(over in -1..2_i64, batches in 1..5_usize) {
        let count = BATCH_EVENTS_MAX as i64 + over;
        let records: Vec<_> = (0..count).map(|at| (count - at, b"x".to_vec())).collect();
        let batches: Vec<_> = records.chunks(records.len().div_ceil(batches)).map(<[_]>::to_vec).collect();
        let packed = packed(Format::Text, &batches);
        prop_assert_eq!(packed.len(), if over > 0 { 2 } else { 1 });
        assert_filled(&packed)?;
    }
}

proptest! {
    // Megabytes, looked at byte by byte by code that is not optimised.
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// No message is longer than a megabyte, and none of a text is cut away.
    #[test]
    fn long_records_are_split_and_come_back_whole(
        unit in prop_oneof!["[a-z]", "\"", "ü", "\u{1}", "😀"],
        bytes in 900_000..1_400_000_usize,
    ) {
        let text = unit.repeat(bytes / unit.len());
        let requests = packed(Format::Json, &[vec![(5, text.clone().into_bytes())]]);
        let messages: Vec<&String> = requests.iter().flatten().map(|event| &event.message).collect();
        let mut whole = String::new();
        for (part, message) in (1..).zip(&messages) {
            prop_assert!(message.len() <= 1_000_000);
            let read: serde_json::Value = serde_json::from_str(message).unwrap();
            let log = read["log"].as_str().unwrap();
            let mark = format!(" [logsieve: part {part}/{}]", messages.len());
            whole.push_str(if messages.len() > 1 { log.strip_suffix(&mark).unwrap() } else { log });
        }
        prop_assert!(whole == text);
    }
}
