//! The sender without the agent around it: packer and sender of the agent itself, in the test's
//! process, sending to the fake.
//!
//! A test writes records, and waits until the receipts for them are settled: with what it then finds
//! in the fake's books and in the metrics, it knows what the agent would have done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider,
};
use logsieve::clock::{Clock, Now};
use logsieve::record::ledger::Tally;
use logsieve::record::receipt::{NewsSender, news_channel};
use logsieve::record::{Budget, Columns, Container, FileId, News, Range, Receipt, Stream};
use logsieve::sink::cloudwatch::client::Connection;
use logsieve::sink::cloudwatch::pace::{Account, Accounts};
use logsieve::sink::cloudwatch::pack::Pack;
use logsieve::sink::cloudwatch::send::Sender;
use logsieve::sink::cloudwatch::{Config, Format, body};
use logsieve::sink::{Delivery, Names, Request};
use logsieve::telemetry::metrics::SinkMetrics;
use support::cloudwatch::{FakeCloudWatch, Options, Rule};
use support::wait;

use crate::client::{GROUP, STREAM, sdk_with_stream};

/// Packer, sender and service.
pub struct Rig {
    pub fake: FakeCloudWatch,
    pub metrics: SinkMetrics,
    pub account: Arc<Account>,
    /// What its requests are about, as JSON.
    pub entity: Option<Arc<str>>,
    pack: Pack,
    to: tokio::sync::mpsc::Sender<body::Request>,
    clock: Clock,
    news: (NewsSender, Receiver<News>),
    /// Records that are written and not settled, by container.
    unsettled: BTreeMap<u32, u64>,
    /// What became of those that are.
    pub tally: Tally,
    container: Arc<Container>,
    written: u64,
}

/// What the sender is told here: text, and little patience.
pub fn config(fake: &FakeCloudWatch) -> Config {
    Config {
        region: Some("eu-central-1".into()),
        endpoint: Some(fake.url()),
        format: Some(Format::Text),
        flush_after: Duration::ZERO,
        request_timeout: Duration::from_millis(1500),
        ..Config::default()
    }
}

fn sdk_config(fake: &FakeCloudWatch) -> SdkConfig {
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url(fake.url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

impl Rig {
    /// With a service that has the stream, and this script.
    pub async fn new(script: Vec<Rule>) -> Self {
        let fake = FakeCloudWatch::start();
        sdk_with_stream(&fake).await;
        fake.set_script(script);
        let config = config(&fake);
        Self::with(fake, &config)
    }

    /// With a service that was set up otherwise; it has no streams.
    pub fn started(options: Options) -> Self {
        let fake = FakeCloudWatch::start_with(options).unwrap();
        let config = config(&fake);
        Self::with(fake, &config)
    }

    pub fn with(fake: FakeCloudWatch, config: &Config) -> Self {
        let clock = Clock::start();
        let metrics = SinkMetrics::default();
        let connection = Connection::with(&sdk_config(&fake), config, clock);
        let account = Accounts::default().of(config, clock);
        let own = metrics.destinations.of("rig");
        let sender = Sender::new(connection, account.clone(), clock, metrics.clone(), own);
        let (to, requests) = tokio::sync::mpsc::channel(10_000);
        tokio::spawn(sender.run(requests));
        let budget = Budget::new(1 << 30);
        let pack = Pack::new(config, Arc::new(move |_| budget.share()), metrics.clone());
        let (tell, news) = channel();
        Rig {
            fake,
            metrics,
            account,
            entity: None,
            pack,
            to,
            clock,
            news: (news_channel(tell), news),
            unsettled: BTreeMap::new(),
            tally: Tally::default(),
            container: Arc::new(Container {
                namespace: "payments".into(),
                pod: "api-0".into(),
                pod_uid: "u".into(),
                name: "app".into(),
                facts: BTreeMap::new(),
            }),
            written: 0,
        }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    /// Packs records of one container for the usual stream, as one batch.
    pub fn write(&mut self, slot: u32, records: &[(i64, &str)]) {
        self.write_to(slot, GROUP, STREAM, records);
    }

    /// Packs records of one container as one batch; each record is its time and its text.
    pub fn write_to(&mut self, slot: u32, group: &str, stream: &str, records: &[(i64, &str)]) {
        let mut columns = Columns::default();
        for (source, (time_ms, text)) in (1..).zip(records) {
            let nanos = u64::try_from(*time_ms).unwrap() * 1_000_000;
            columns.push(text.as_bytes(), nanos, Stream::Stdout, source);
        }
        let mut receipt = Receipt::new(slot, self.news.0.clone());
        let count = records.len() as u64;
        receipt.add(Range {
            file: FileId(u64::from(slot)),
            from: self.written,
            to: self.written + count,
        });
        self.written += count;
        *self.unsettled.entry(slot).or_default() += count;
        let names = Names {
            group: group.into(),
            stream: stream.into(),
            entity: self.entity.clone(),
        };
        let parts = receipt.share();
        let delivery = Delivery {
            slot,
            container: &self.container,
            names: &names,
            columns: &columns,
            which: &|_| true,
            parts: &parts,
        };
        let mut out = Vec::new();
        let now = self.now();
        self.pack.append(&delivery, now, &mut out);
        parts.close();
        self.send(out);
    }

    /// Closes what is open, whatever it waits for.
    pub fn flush(&mut self) {
        let mut out = Vec::new();
        let now = self.now();
        self.pack.flush(now, true, &mut out);
        self.send(out);
    }

    fn send(&self, requests: Vec<Request>) {
        for request in requests {
            let Request::Cloudwatch(request) = request else {
                panic!("a request for CloudWatch");
            };
            self.to.try_send(*request).unwrap();
        }
    }

    /// Waits until every record that was written is settled, and says what became of them.
    pub async fn settled(&mut self) -> Tally {
        self.settled_of(0..u32::MAX, &mut || ()).await
    }

    /// The same of these containers, looking at something meanwhile.
    pub async fn settled_of(
        &mut self,
        slots: std::ops::Range<u32>,
        look: &mut (dyn FnMut() + Send),
    ) -> Tally {
        let began = std::time::Instant::now();
        while self
            .unsettled
            .range(slots.clone())
            .any(|(_, left)| *left > 0)
        {
            look();
            for news in self.news.1.try_iter() {
                let bytes: u64 = news.ranges.iter().map(|r| r.to - r.from).sum();
                *self.unsettled.get_mut(&news.slot).unwrap() -= bytes;
                self.tally += news.tally;
            }
            assert!(
                began.elapsed() < wait::PATIENCE,
                "not settled: {:?}; the service saw {:?}",
                self.unsettled,
                self.fake.requests()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.tally
    }

    /// What is stored in the usual stream, as GetLogEvents returns it.
    pub fn stored(&self) -> Vec<String> {
        let events = self.fake.read(GROUP, STREAM);
        events.into_iter().map(|event| event.message).collect()
    }

    /// How many requests came to this result.
    pub fn results(&self, result: &str) -> u64 {
        let label = vec![("result", result.to_owned())];
        self.metrics.requests.get_or_create_owned(&label).get()
    }

    /// How many records were rejected for this reason.
    pub fn rejected(&self, reason: &str) -> u64 {
        let label = vec![("reason", reason.to_owned())];
        self.metrics
            .rejected_records
            .get_or_create_owned(&label)
            .get()
    }
}
