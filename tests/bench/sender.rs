//! `sender/body/*` and `sender/typed/*`: records in columns, packed, signed and sent over HTTP to a
//! server on this machine that answers `{}`: MB of text for each second of this thread's CPU time.
//!
//! `body` is the agent's own way; `typed` hands the AWS SDK its own events and lets it write them, as
//! its documentation shows. `json` are lines of 1,000 bytes with some quotes, `text` lines of 100
//! without. Runs of one and the other take turns. `sender-tls/*` are the same over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Credentials;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use logsieve::clock::{Clock, thread_cpu};
use logsieve::record::receipt::news_channel;
use logsieve::record::{Budget, Columns, Container, Facts, News, Receipt, Stream};
use logsieve::sink::cloudwatch::client::Connection;
use logsieve::sink::cloudwatch::limits::{EVENT_OVERHEAD_BYTES, REQUEST_BYTES_MAX};
use logsieve::sink::cloudwatch::pace::Accounts;
use logsieve::sink::cloudwatch::send::Sender;
use logsieve::sink::cloudwatch::{self, Format};
use logsieve::sink::{Delivery, Destination, Names, Packer, Request};
use logsieve::telemetry::metrics::SinkMetrics;
use tokio::runtime::Runtime;

use crate::agent::null_server;
use crate::figure::{self, Wanted};

/// Text of one run, and of one batch, as the agent reads them.
const RUN_BYTES: usize = 64_000_000;
const BATCH_BYTES: usize = 256 * 1024;
const START_NS: u64 = 1_790_000_000_000_000_000;

pub fn run(wanted: &Wanted) {
    let plain = [
        "sender/body/json",
        "sender/typed/json",
        "sender/body/text",
        "sender/typed/text",
    ];
    if plain.iter().any(|name| wanted.any(name)) {
        measure(wanted, plain, &shared(null_server::start(), false));
    }
    let tls = plain.map(|name| name.replacen("sender/", "sender-tls/", 1));
    let tls = tls.each_ref().map(String::as_str);
    if tls.iter().any(|name| wanted.any(name)) {
        measure(wanted, tls, &shared(null_server::start_tls(), true));
    }
}

/// What the SDK is told of the server.
fn shared(server: SocketAddr, tls: bool) -> SdkConfig {
    let provider = Provider::Rustls(CryptoMode::Ring);
    let trust = TrustStore::empty().with_pem_certificate(support::tls::CERTIFICATE);
    let context = TlsContext::builder().with_trust_store(trust).build();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(provider)
        .tls_context(context.expect("a certificate"))
        .build_https();
    let scheme = if tls { "https" } else { "http" };
    let keys = Credentials::new("AKIABENCH", "secret", None, None, "bench");
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("eu-central-1"))
        .endpoint_url(format!("{scheme}://{server}"))
        .credentials_provider(keys);
    runtime().block_on(loader.load())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn measure(wanted: &Wanted, names: [&str; 4], shared: &SdkConfig) {
    let runtime = runtime();
    let corpora = [batches(&json_line()), batches(&text_line())];
    let mut runs = [const { Vec::new() }; 4];
    for _ in 0..figure::RUNS {
        for (at, batches) in corpora.iter().enumerate() {
            let bytes: usize = batches.iter().map(|b| b.text.len()).sum();
            let mut figure = |slot: usize, work: &dyn Fn()| {
                if wanted.has(names[slot]) {
                    let started = thread_cpu();
                    work();
                    let took = (thread_cpu() - started).as_secs_f64();
                    runs[slot].push(bytes as f64 / 1e6 / took);
                }
            };
            figure(2 * at, &|| body(&runtime, shared, batches));
            figure(2 * at + 1, &|| typed(&runtime, shared, batches));
        }
    }
    for (name, runs) in names.iter().zip(&mut runs) {
        if !runs.is_empty() {
            figure::print(name, "MB/CPU-s", runs);
        }
    }
}

/// The agent's way: packed into bodies, which take the place of the SDK's.
fn body(runtime: &Runtime, shared: &SdkConfig, batches: &[Columns]) {
    let config = cloudwatch::Config {
        region: Some("eu-central-1".into()),
        format: Some(Format::Text),
        ..cloudwatch::Config::default()
    };
    let (clock, metrics) = (Clock::start(), SinkMetrics::default());
    let connection = Connection::with(shared, &config, clock);
    let account = Accounts::default().of(&config, clock);
    let destination = Destination::Cloudwatch(Box::new(config));
    let budget = Budget::new(1 << 30);
    let share = Arc::new(move |_: &str| budget.share());
    let mut packer = Packer::new(&destination, share, &metrics);
    let own = metrics.destinations.of("bench");
    let sender = Sender::new(connection, account, clock, metrics, own);
    let container = container();
    let names = Names {
        group: "group".into(),
        stream: "stream".into(),
        ..Names::default()
    };
    let news = news_channel(std::sync::mpsc::channel::<News>().0);
    runtime.block_on(async {
        let (to, requests) = tokio::sync::mpsc::channel(8);
        let sending = tokio::spawn(sender.run(requests));
        let mut out = Vec::new();
        for columns in batches {
            let parts = Receipt::new(0, news.clone()).share();
            let delivery = Delivery {
                slot: 0,
                container: &container,
                names: &names,
                columns,
                which: &|_| true,
                parts: &parts,
            };
            packer.append(&delivery, clock.now(), &mut out);
            parts.close();
            hand_over(&mut out, &to).await;
        }
        packer.flush(clock.now(), true, &mut out);
        hand_over(&mut out, &to).await;
        drop(to);
        sending.await.expect("the sender ends");
    });
}

async fn hand_over(
    out: &mut Vec<Request>,
    to: &tokio::sync::mpsc::Sender<cloudwatch::body::Request>,
) {
    for request in out.drain(..) {
        let Request::Cloudwatch(request) = request else {
            panic!("not a request for CloudWatch");
        };
        to.send(*request).await.expect("the sender listens");
    }
}

/// The SDK's way, as its documentation shows it.
fn typed(runtime: &Runtime, shared: &SdkConfig, batches: &[Columns]) {
    let client = Client::new(shared);
    runtime.block_on(async {
        let (mut events, mut counted) = (Vec::new(), 0);
        for columns in batches {
            for at in 0..columns.len() {
                let message = std::str::from_utf8(columns.record(at))
                    .expect("text")
                    .to_owned();
                let bytes = message.len() + EVENT_OVERHEAD_BYTES;
                if counted + bytes > REQUEST_BYTES_MAX {
                    put(&client, std::mem::take(&mut events)).await;
                    counted = 0;
                }
                counted += bytes;
                let event = InputLogEvent::builder()
                    .message(message)
                    .timestamp((columns.times[at] / 1_000_000) as i64);
                events.push(event.build().expect("an event"));
            }
        }
        put(&client, events).await;
    });
}

async fn put(client: &Client, events: Vec<InputLogEvent>) {
    let call = client.put_log_events().log_group_name("group");
    let call = call.log_stream_name("stream").set_log_events(Some(events));
    call.send().await.expect("an answer");
}

fn container() -> Arc<Container> {
    Arc::new(Container {
        namespace: "bench".into(),
        pod: "bench".into(),
        pod_uid: "0".into(),
        name: "bench".into(),
        facts: Facts::new(),
    })
}

/// 1,000 bytes.
fn json_line() -> Vec<u8> {
    let mut line = br#"{"level":"info","path":"/v1/orders","status":200,"ms":12,"user":{"id":"u-1","plan":"pro"},"tags":["a","b"],"msg":""#.to_vec();
    while line.len() < 998 {
        line.extend_from_slice(b"the order was placed and paid for, ");
    }
    line.truncate(998);
    line.extend_from_slice(b"\"}");
    line
}

/// 100 bytes.
fn text_line() -> Vec<u8> {
    let mut line = b"2026-01-15 10:00:05 INFO  [http-1] com.example.Shop - order placed, total 19.90, paid by card ".to_vec();
    line.resize(100, b'x');
    line
}

fn batches(line: &[u8]) -> Vec<Columns> {
    let mut batches = vec![Columns::default()];
    let (mut bytes, mut time) = (0, START_NS);
    while bytes < RUN_BYTES {
        let mut last = batches.pop().expect("a batch");
        if last.text.len() >= BATCH_BYTES || last.len() >= 4096 {
            batches.push(std::mem::take(&mut last));
        }
        last.push(line, time, Stream::Stdout, 0);
        batches.push(last);
        bytes += line.len();
        time += Duration::from_micros(50).as_nanos() as u64;
    }
    batches
}
