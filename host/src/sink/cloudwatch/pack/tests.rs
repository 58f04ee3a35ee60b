//! What is packed is what was written: messages, limits, parts of records too long, and receipts that
//! settle with the last request.

use std::sync::mpsc::channel;

use super::super::envelope::Envelope;
use super::super::format::{FluentBit, Format};
use super::super::limits::{EVENT_OVERHEAD_BYTES, MESSAGE_BYTES_MAX, REQUEST_SPAN_MS};
use super::*;
use crate::record::receipt::{Part, news_channel};
use crate::record::{Budget, Columns, Container, Fate, FileId, News, Range, Receipt, Stream};

const NOW: Now = Now {
    mono: Duration::ZERO,
    wall: 0,
};

fn pack(format: Format) -> Pack {
    pack_within(format, Budget::new(1 << 30).share())
}

fn pack_within(format: Format, share: Arc<Share>) -> Pack {
    let config = super::super::Config {
        format: Some(format),
        ..super::super::Config::default()
    };
    let share_of = Arc::new(move |_: &str| share.clone());
    Pack::new(&config, share_of, SinkMetrics::default())
}

fn container() -> Arc<Container> {
    let facts = [("k8s.pod.name", "api-0"), ("k8s.namespace.name", "pay")];
    Arc::new(Container {
        namespace: "pay".into(),
        pod: "api-0".into(),
        pod_uid: "u".into(),
        name: "app".into(),
        facts: facts.map(|(k, v)| (k.into(), v.into())).into(),
    })
}

/// Packs records; gives back each request's messages and what became of the receipt when all
/// requests are settled.
fn packed(pack: &mut Pack, texts: &[&[u8]]) -> (Vec<Vec<String>>, Vec<Fate>) {
    let timed: Vec<_> = (0..).zip(texts.iter().copied()).collect();
    packed_at(pack, &timed)
}

/// The same, each record with its time in milliseconds.
fn packed_at(pack: &mut Pack, records: &[(i64, &[u8])]) -> (Vec<Vec<String>>, Vec<Fate>) {
    packed_to("g", pack, records)
}

/// The same, to this log group.
fn packed_to(
    group: &str,
    pack: &mut Pack,
    records: &[(i64, &[u8])],
) -> (Vec<Vec<String>>, Vec<Fate>) {
    let (to, news) = channel::<News>();
    let mut receipt = Receipt::new(0, news_channel(to));
    let mut columns = Columns::default();
    for (time_ms, text) in records {
        let nanos = u64::try_from(*time_ms).unwrap() * 1_000_000;
        columns.push(text, nanos, Stream::Stdout, 1);
    }
    receipt.add(Range {
        file: FileId(0),
        from: 0,
        to: 1,
    });
    let names = Names {
        group: group.into(),
        stream: "s".into(),
        entity: None,
    };
    let parts = receipt.share();
    let mut out = Vec::new();
    let delivery = Delivery {
        slot: 0,
        container: &container(),
        names: &names,
        columns: &columns,
        which: &|_| true,
        parts: &parts,
    };
    pack.append(&delivery, NOW, &mut out);
    parts.close();
    pack.flush(NOW, true, &mut out);
    assert_eq!(news.try_iter().count(), 0);
    let mut requests = Vec::new();
    for request in out {
        let Request::Cloudwatch(request) = request else {
            panic!("not a request for CloudWatch");
        };
        let body: serde_json::Value = serde_json::from_slice(&request.body.json()).unwrap();
        let events = body["logEvents"].as_array().unwrap();
        requests.push(
            events
                .iter()
                .map(|e| e["message"].as_str().unwrap().to_owned())
                .collect(),
        );
        request.parts.into_iter().for_each(Part::settle);
    }
    (requests, news.try_iter().map(|n| n.fate).collect())
}

#[test]
fn text_is_sent_as_it_is_and_an_empty_line_as_one_blank() {
    let (requests, fates) = packed(&mut pack(Format::Text), &[b"a \"b\"", b"", b"\xff!"]);
    assert_eq!(requests, [["a \"b\"", " ", "\u{fffd}!"]]);
    assert_eq!(fates, [Fate::Settled]);
}

#[test]
fn an_envelope_carries_facts_stream_time_and_text() {
    let (requests, _) = packed(&mut pack(Format::Json), &[b"plain", b"say \"hi\"\\\n", b""]);
    let read = |n: usize| -> serde_json::Value { serde_json::from_str(&requests[0][n]).unwrap() };
    assert_eq!(
        read(0),
        serde_json::json!({
            "kubernetes": {"namespace_name": "pay", "pod_name": "api-0"},
            "stream": "stdout",
            "time": "1970-01-01T00:00:00.000000000Z",
            "log": "plain",
        })
    );
    assert_eq!(read(1)["log"], "say \"hi\"\\\n");
    assert_eq!(read(2)["log"], "");
}

/// A thousand containers' would be seven megabytes.
#[test]
fn an_envelope_is_kept_without_the_room_that_its_escaping_took() {
    let tail = Envelope::json(&container()).tail.escaped;
    assert!(tail.capacity() < 2 * tail.len(), "{}", tail.capacity());
}

#[test]
fn a_request_that_is_full_is_closed_and_the_next_carries_on() {
    let text = vec![b'x'; 400_000];
    let texts: Vec<&[u8]> = vec![&text; 5];
    let (requests, fates) = packed(&mut pack(Format::Text), &texts);
    assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(fates, [Fate::Settled]);
}

#[test]
fn a_record_too_large_for_a_message_is_sent_in_marked_parts_and_none_of_it_is_cut() {
    let fluent_bit = Format::FluentBit(FluentBit::default());
    for format in [Format::Text, Format::Json, fluent_bit] {
        let text = "\"ü\u{1}x".repeat(300_000);
        let (requests, _) = packed(&mut pack(format.clone()), &[text.as_bytes()]);
        let messages: Vec<String> = requests.concat();
        assert!(messages.len() > 1);
        let mut joined = String::new();
        for (i, message) in messages.iter().enumerate() {
            assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
            let log = match format {
                Format::Text => message.clone(),
                Format::Json | Format::FluentBit(_) => {
                    let read: serde_json::Value = serde_json::from_str(message).unwrap();
                    read["log"].as_str().unwrap().to_owned()
                }
            };
            let mark = format!(" [logsieve: part {}/{}]", i + 1, messages.len());
            joined.push_str(log.strip_suffix(&mark).unwrap());
        }
        assert_eq!(joined, text);
    }
}

/// A backlog beside the present: each has its own open body, and none is closed by the other.
#[test]
fn times_that_jump_by_days_share_the_requests_of_their_day() {
    let far = 3 * REQUEST_SPAN_MS;
    let records: Vec<(i64, &[u8])> = (0..1000).map(|i| (far * (i % 2) + i, &b"m"[..])).collect();
    let (requests, fates) = packed_at(&mut pack(Format::Text), &records);
    assert_eq!(
        requests.iter().map(Vec::len).collect::<Vec<_>>(),
        [500, 500]
    );
    assert_eq!(fates, [Fate::Settled]);
}

#[test]
fn a_stream_has_only_so_many_open_bodies() {
    let far = 3 * REQUEST_SPAN_MS;
    let records: Vec<(i64, &[u8])> = (0..10).map(|day| (far * day, &b"m"[..])).collect();
    let (requests, fates) = packed_at(&mut pack(Format::Text), &records);
    assert_eq!(requests.len(), 10);
    assert_eq!(fates, [Fate::Settled]);
}

/// Two requests of one container may be on their way at once, since they share no millisecond.
#[test]
fn a_busy_container_leaves_its_last_millisecond_to_the_next_request() {
    let text = vec![b'x'; 1_000];
    // Ten records a millisecond: a request would end within one.
    let records: Vec<(i64, &[u8])> = (0..3_000).map(|i| (i / 10, &text[..])).collect();
    let (requests, _) = packed_at(&mut pack(Format::Text), &records);
    let most = limits::REQUEST_BYTES_MAX / (1_000 + EVENT_OVERHEAD_BYTES);
    let full = most / 10 * 10;
    assert_eq!(
        requests.iter().map(Vec::len).collect::<Vec<_>>(),
        [full, full, 3_000 - 2 * full]
    );
}

/// Ten records a millisecond, so the last of them go from one request to the next.
#[test]
fn a_batch_in_two_requests_is_settled_by_each_answer_for_its_own_records() {
    let mut pack = pack(Format::Text);
    let (to, news) = channel::<News>();
    let mut receipt = Receipt::new(0, news_channel(to));
    let (text, mut columns) = ([b'x'; 1_000], Columns::default());
    for at in 0..1_500_u32 {
        let nanos = u64::from(at / 10) * 1_000_000;
        columns.push(&text, nanos, Stream::Stdout, 2 * at + 2);
    }
    let file = FileId(0);
    let range = |from, to| Range { file, from, to };
    receipt.add(range(0, 3_000));
    let (parts, names, mut out) = (receipt.share(), Names::default(), Vec::new());
    let delivery = Delivery {
        slot: 0,
        container: &container(),
        names: &names,
        columns: &columns,
        which: &|_| true,
        parts: &parts,
    };
    pack.append(&delivery, NOW, &mut out);
    parts.close();
    pack.flush(NOW, true, &mut out);
    let [Request::Cloudwatch(one), Request::Cloudwatch(two)] = &mut out[..] else {
        panic!("two requests");
    };
    let cut = 2 * one.body.len() as u64;
    assert_eq!(
        (one.body.len() % 10, one.body.len() + two.body.len()),
        (0, 1_500)
    );
    let settled = |request: &mut super::super::body::Request| {
        request.parts.drain(..).for_each(Part::settle);
        news.try_iter()
            .map(|n| (n.fate, n.ranges))
            .collect::<Vec<_>>()
    };
    assert_eq!(settled(two), [(Fate::Settled, vec![range(cut, 3_000)])]);
    assert_eq!(settled(one), [(Fate::Settled, vec![range(0, cut)])]);
}

/// Packs one record that comes now.
fn append(pack: &mut Pack, text: &[u8], now: Now, out: &mut Vec<Request>) {
    let mut columns = Columns::default();
    columns.push(text, now.mono.as_nanos() as u64, Stream::Stdout, 1);
    let parts = Receipt::new(0, Arc::new(|_| {})).share();
    let delivery = Delivery {
        slot: 0,
        container: &container(),
        names: &Names::default(),
        columns: &columns,
        which: &|_| true,
        parts: &parts,
    };
    pack.append(&delivery, now, out);
    parts.close();
}

fn at(mono: Duration) -> Now {
    Now { mono, wall: 0 }
}

#[test]
fn a_stream_with_a_request_on_its_way_fills_the_next_one() {
    let mut pack = pack(Format::Text);
    let late = at(Duration::from_secs(60));
    let mut out = Vec::new();
    append(&mut pack, b"m", NOW, &mut out);
    assert!(pack.next_flush().is_some());
    pack.flush(late, false, &mut out);
    assert_eq!(out.len(), 1);
    append(&mut pack, b"m", NOW, &mut out);
    append(&mut pack, b"m", NOW, &mut out);
    pack.flush(late, false, &mut out);
    assert_eq!((out.len(), pack.next_flush()), (1, None));
    out.clear();
    pack.flush(late, false, &mut out);
    assert_eq!(out.len(), 1);
}

/// When requests leave, in tenths of a second, of a stream that gets a record of so many bytes in each
/// of these, and whose requests are answered at once.
fn leave_at(tenths: &[u32], bytes: usize) -> Vec<u32> {
    leave_within(Budget::new(1 << 30).share(), tenths, bytes)
}

fn leave_within(share: Arc<Share>, tenths: &[u32], bytes: usize) -> Vec<u32> {
    let mut pack = pack_within(Format::Text, share);
    let text = vec![b'x'; bytes];
    let leaves = |tenth: &u32| {
        let mut out = Vec::new();
        let now = at(Duration::from_millis(100) * *tenth);
        pack.flush(now, false, &mut out);
        if tenths.contains(tenth) {
            append(&mut pack, &text, now, &mut out);
        }
        !out.is_empty()
    };
    (0..100).filter(leaves).collect()
}

#[test]
fn a_stream_that_goes_on_with_little_is_sent_a_third_as_often() {
    let all: Vec<u32> = (0..60).collect();
    assert_eq!(leave_at(&all, 100), [10, 40, 70]);
    assert_eq!(leave_at(&all, 10_000), [10, 20, 30, 40, 50, 60]);
    assert_eq!(leave_at(&[0, 25, 50], 100), [10, 55]);
    assert_eq!(leave_at(&[0, 35, 70], 100), [10, 45, 80]);
}

/// What is held is let go before there is no room for what is read.
#[test]
fn no_stream_waits_longer_where_memory_is_tight() {
    let all: Vec<u32> = (0..60).collect();
    let share = Budget::new(4 << 20).share();
    let mut others = share.permit();
    others.grow((1 << 19) + 1);
    assert_eq!(leave_within(share.clone(), &all, 100), [10, 40, 70]);
    others.grow(1 << 18);
    let often = [10, 20, 30, 40, 50, 60];
    assert_eq!(leave_within(share, &all, 100), often);
}

/// Names that are made of facts come and go with containers.
#[test]
fn a_log_group_that_nothing_is_sent_to_any_more_is_forgotten() {
    let mut pack = pack(Format::Text);
    for number in 0..100 {
        packed_to(&format!("g{number}"), &mut pack, &[(0, b"text")]);
    }
    let late = Now {
        mono: Duration::from_secs(60),
        ..NOW
    };
    pack.flush(late, false, &mut Vec::new());
    assert_eq!(
        (pack.streams.by_name.len(), pack.streams.shares.len()),
        (0, 0)
    );
}
