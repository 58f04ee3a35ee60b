//! What is packed is what was written: messages, limits, parts of records too long, and receipts that
//! settle with the last request.

use std::sync::mpsc::channel;

use super::super::format::{FluentBit, Format};
use super::super::limits::MESSAGE_BYTES_MAX;
use super::*;
use crate::record::receipt::news_channel;
use crate::record::{Budget, Columns, Container, Fate, FileId, News, Range, Receipt, Stream};

const NOW: Now = Now {
    mono: Duration::ZERO,
    wall: 0,
};

fn pack(format: Format) -> Pack {
    let config = super::super::Config {
        format: Some(format),
        ..super::super::Config::default()
    };
    let budget = Budget::new(1 << 30);
    Pack::new(
        &config,
        Arc::new(move |_| budget.share()),
        SinkMetrics::default(),
    )
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
    let (to, news) = channel::<News>();
    let mut receipt = Receipt::new(0, news_channel(to));
    let mut columns = Columns::default();
    for (i, text) in texts.iter().enumerate() {
        columns.push(text, i as u64 * 1_000_000, Stream::Stdout, 1);
    }
    receipt.add(Range {
        file: FileId(0),
        from: 0,
        to: 1,
    });
    let names = Names {
        group: "g".into(),
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
        let body: serde_json::Value = serde_json::from_slice(&request.events.json).unwrap();
        let events = body["logEvents"].as_array().unwrap();
        requests.push(
            events
                .iter()
                .map(|e| e["message"].as_str().unwrap().to_owned())
                .collect(),
        );
        request
            .parts
            .into_iter()
            .for_each(crate::record::receipt::Part::settle);
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
