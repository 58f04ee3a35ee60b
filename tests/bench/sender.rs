//! `sender/body/*` and `sender/typed/*`: records in columns, packed, signed and sent over HTTP to a
//! server on this machine that answers `{}`: MB of text for each second of this thread's CPU time.
//!
//! `body` is the agent's own way; `typed` hands the AWS SDK its own events and lets it write them, as
//! its documentation shows. `json` are lines of 1,000 bytes with some quotes, `text` lines of 100
//! without. Runs of one and the other take turns, after one of each that does not count: an agent has
//! its connections and the memory of its bodies. `sender-tls/*` are the same over TLS.
//!
//! `sender/floor/*` is what no sender gets below: bodies that are packed already are hashed, and written
//! to a bare socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Credentials;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use logsieve::clock::{Clock, thread_cpu};
use logsieve::record::receipt::NewsSender;
use logsieve::record::{
    Budget, Columns, Container, Facts, Fate, FileId, News, Range, Receipt, Stream,
};
use logsieve::sink::cloudwatch::client::Connection;
use logsieve::sink::cloudwatch::limits::{EVENT_OVERHEAD_BYTES, REQUEST_BYTES_MAX};
use logsieve::sink::cloudwatch::pace::Accounts;
use logsieve::sink::cloudwatch::send::Sender;
use logsieve::sink::cloudwatch::{self, Format};
use logsieve::sink::{Delivery, Destination, Names, Packer, Request};
use logsieve::telemetry::metrics::SinkMetrics;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

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
    floor(wanted);
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
    let mut ours = Ours::start(&runtime, shared);
    let client = Client::new(shared);
    let corpora = [batches(&json_line()), batches(&text_line())];
    let mut runs = [const { Vec::new() }; 4];
    for run in 0..=figure::RUNS {
        for (at, batches) in corpora.iter().enumerate() {
            let bytes: usize = batches.iter().map(|b| b.text.len()).sum();
            let mut figure = |slot: usize, work: &mut dyn FnMut()| {
                if wanted.has(names[slot]) {
                    let started = thread_cpu();
                    work();
                    let took = (thread_cpu() - started).as_secs_f64();
                    // The first one warms up.
                    let counts = (run > 0).then_some(bytes as f64 / 1e6 / took);
                    runs[slot].extend(counts);
                }
            };
            figure(2 * at, &mut || runtime.block_on(ours.send(batches)));
            figure(2 * at + 1, &mut || {
                runtime.block_on(typed(&client, batches))
            });
        }
    }
    for (name, runs) in names.iter().zip(&mut runs) {
        if !runs.is_empty() {
            figure::print(name, "MB/CPU-s", runs);
        }
    }
}

/// What packs for the agent.
struct Packing {
    packer: Packer,
    container: Arc<Container>,
    names: Names,
    news: NewsSender,
    settled: mpsc::UnboundedReceiver<News>,
    /// Source bytes that are packed and not settled.
    unsettled: u64,
    clock: Clock,
}

impl Packing {
    fn new(config: cloudwatch::Config, metrics: &SinkMetrics, clock: Clock) -> Self {
        let destination = Destination::Cloudwatch(Box::new(config));
        let budget = Budget::new(1 << 30);
        let share = Arc::new(move |_: &str| budget.share());
        let (to, settled) = mpsc::unbounded_channel();
        Self {
            packer: Packer::new(&destination, share, metrics),
            container: container(),
            names: Names {
                group: "group".into(),
                stream: "stream".into(),
                ..Names::default()
            },
            // Whoever only packs hears of nothing.
            news: Arc::new(move |news| drop(to.send(news))),
            settled,
            unsettled: 0,
            clock,
        }
    }

    fn append(&mut self, columns: &Columns, out: &mut Vec<Request>) {
        let mut receipt = Receipt::new(0, self.news.clone());
        let bytes = u64::from(columns.source_bytes());
        receipt.add(Range {
            file: FileId(0),
            from: 0,
            to: bytes,
        });
        self.unsettled += bytes;
        let parts = receipt.share();
        let delivery = Delivery {
            slot: 0,
            container: &self.container,
            names: &self.names,
            columns,
            which: &|_| true,
            parts: &parts,
        };
        self.packer.append(&delivery, self.clock.now(), out);
        parts.close();
    }

    fn flush(&mut self, out: &mut Vec<Request>) {
        self.packer.flush(self.clock.now(), true, out);
    }
}

fn config() -> cloudwatch::Config {
    cloudwatch::Config {
        region: Some("eu-central-1".into()),
        format: Some(Format::Text),
        ..cloudwatch::Config::default()
    }
}

/// The agent's way: packed into bodies, which take the place of the SDK's.
struct Ours {
    packing: Packing,
    to: mpsc::Sender<cloudwatch::body::Request>,
}

impl Ours {
    fn start(runtime: &Runtime, shared: &SdkConfig) -> Self {
        let (clock, metrics) = (Clock::start(), SinkMetrics::default());
        let connection = Connection::with(shared, &config(), clock);
        let account = Accounts::default().of(&config(), clock);
        let packing = Packing::new(config(), &metrics, clock);
        let own = metrics.destinations.of("bench");
        let sender = Sender::new(connection, account, clock, metrics, own);
        let (to, requests) = mpsc::channel(8);
        runtime.spawn(sender.run(requests));
        Self { packing, to }
    }

    /// Sends these, and waits until all are settled.
    async fn send(&mut self, batches: &[Columns]) {
        let mut out = Vec::new();
        for columns in batches {
            self.packing.append(columns, &mut out);
            hand_over(&mut out, &self.to).await;
        }
        self.packing.flush(&mut out);
        hand_over(&mut out, &self.to).await;
        while self.packing.unsettled > 0 {
            let news = self.packing.settled.recv().await.expect("it is answered");
            assert_eq!(news.fate, Fate::Settled);
            let bytes: u64 = news.ranges.iter().map(|range| range.to - range.from).sum();
            self.packing.unsettled -= bytes;
        }
    }
}

/// Hashes and writes what is packed already.
fn floor(wanted: &Wanted) {
    for (name, line) in [
        ("sender/floor/json", json_line()),
        ("sender/floor/text", text_line()),
    ] {
        if !wanted.has(name) {
            continue;
        }
        let mut packing = Packing::new(config(), &SinkMetrics::default(), Clock::start());
        let (mut out, batches) = (Vec::new(), batches(&line));
        for columns in &batches {
            packing.append(columns, &mut out);
        }
        packing.flush(&mut out);
        let bytes: usize = batches.iter().map(|b| b.text.len()).sum();
        let mut socket = TcpStream::connect(null_server::start()).expect("a connection");
        let mut runs = Vec::new();
        for _ in 0..figure::RUNS {
            let started = thread_cpu();
            out.iter()
                .for_each(|request| hash_and_write(request, &mut socket));
            let took = (thread_cpu() - started).as_secs_f64();
            runs.push(bytes as f64 / 1e6 / took);
        }
        figure::print(name, "MB/CPU-s", &mut runs);
    }
}

fn hash_and_write(request: &Request, socket: &mut TcpStream) {
    let Request::Cloudwatch(request) = request else {
        panic!("not a request for CloudWatch");
    };
    let pieces: Vec<_> = request.body.pieces().collect();
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    let hash = hash.finalize();
    let head = format!("POST / HTTP/1.1\r\ncontent-length: {bytes}\r\nx-hash: {hash:?}\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("it is sent");
    for piece in &pieces {
        socket.write_all(piece).expect("it is sent");
    }
    let mut answer = [0; 256];
    let read = socket.read(&mut answer).expect("an answer");
    assert!(answer[..read].ends_with(b"{}"));
}

async fn hand_over(out: &mut Vec<Request>, to: &mpsc::Sender<cloudwatch::body::Request>) {
    for request in out.drain(..) {
        let Request::Cloudwatch(request) = request else {
            panic!("not a request for CloudWatch");
        };
        to.send(*request).await.expect("the sender listens");
    }
}

/// The SDK's way, as its documentation shows it.
async fn typed(client: &Client, batches: &[Columns]) {
    let (mut events, mut counted) = (Vec::new(), 0);
    for columns in batches {
        for at in 0..columns.len() {
            let message = std::str::from_utf8(columns.record(at))
                .expect("text")
                .to_owned();
            let bytes = message.len() + EVENT_OVERHEAD_BYTES;
            if counted + bytes > REQUEST_BYTES_MAX {
                put(client, std::mem::take(&mut events)).await;
                counted = 0;
            }
            counted += bytes;
            let event = InputLogEvent::builder()
                .message(message)
                .timestamp((columns.times[at] / 1_000_000) as i64);
            events.push(event.build().expect("an event"));
        }
    }
    put(client, events).await;
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
        let source = last.source_bytes() + line.len() as u32;
        last.push(line, time, Stream::Stdout, source);
        batches.push(last);
        bytes += line.len();
        time += Duration::from_micros(50).as_nanos() as u64;
    }
    batches
}
