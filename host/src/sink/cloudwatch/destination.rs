//! Makes log groups and streams when the service says that they are missing.
//!
//! An account has 50 stream creations a second for all its nodes: so each agent makes one a second
//! after a burst of five, and half as many after a throttle.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use tokio::sync::Mutex;

use super::retry::{self, Failed, Next};
use crate::clock::Clock;
use crate::telemetry::metrics::SinkMetrics;

/// Creations that may follow each other at once.
const BURST: f64 = 5.0;
/// Creations a second after that, and the least after throttles.
const RATE: f64 = 1.0;
const RATE_MIN: f64 = 1.0 / 16.0;

/// Creates groups and streams for one account and region.
pub struct Creator {
    client: Client,
    clock: Clock,
    metrics: SinkMetrics,
    pace: Mutex<Pace>,
}

struct Pace {
    left: f64,
    rate: f64,
    at: Duration,
}

impl Creator {
    #[must_use]
    pub fn new(client: Client, clock: Clock, metrics: SinkMetrics) -> Arc<Self> {
        Arc::new(Self {
            client,
            clock,
            metrics,
            pace: Mutex::new(Pace {
                left: BURST,
                rate: RATE,
                at: Duration::ZERO,
            }),
        })
    }

    /// Makes the stream, and its group if that is what is missing. What exists already is success.
    ///
    /// # Errors
    /// When the service refuses; whoever asked tries again after a while.
    pub async fn make(&self, group: &str, stream: &str) -> Result<(), Failed> {
        match self.make_stream(group, stream).await {
            Err(failed) if failed.next == Next::Create => {
                self.make_group(group).await?;
                self.make_stream(group, stream).await
            }
            done => done,
        }
    }

    async fn make_stream(&self, group: &str, stream: &str) -> Result<(), Failed> {
        self.wait().await;
        let call = self.client.create_log_stream();
        let made = call
            .log_group_name(group)
            .log_stream_name(stream)
            .send()
            .await;
        self.answered("stream", made.map(drop).map_err(|e| retry::judge(&e)))
            .await
    }

    async fn make_group(&self, group: &str) -> Result<(), Failed> {
        self.wait().await;
        let made = self
            .client
            .create_log_group()
            .log_group_name(group)
            .send()
            .await;
        let made = self
            .answered("group", made.map(drop).map_err(|e| retry::judge(&e)))
            .await;
        if made.is_ok() {
            tracing::info!(group, "log group created");
        }
        made
    }

    async fn answered(&self, what: &str, made: Result<(), Failed>) -> Result<(), Failed> {
        match made {
            Err(failed) if failed.code == "ResourceAlreadyExistsException" => Ok(()),
            Err(failed) => {
                if failed.next == Next::Throttled {
                    let mut pace = self.pace.lock().await;
                    pace.rate = (pace.rate / 2.0).max(RATE_MIN);
                }
                Err(failed)
            }
            Ok(()) => {
                let label = vec![("what", what.to_owned())];
                self.metrics.creations.get_or_create(&label).inc();
                let mut pace = self.pace.lock().await;
                pace.rate = (pace.rate * 1.1).min(RATE);
                Ok(())
            }
        }
    }

    /// Waits for leave to create one thing. Whoever waits holds the lock, so all go one by one.
    async fn wait(&self) {
        let mut pace = self.pace.lock().await;
        let now = self.clock.now().mono;
        let earned = now.saturating_sub(pace.at).as_secs_f64() * pace.rate;
        pace.left = (pace.left + earned).min(BURST);
        pace.at = now;
        if pace.left < 1.0 {
            let missing = (1.0 - pace.left) / pace.rate;
            tokio::time::sleep(Duration::from_secs_f64(missing)).await;
            pace.left = 1.0;
            pace.at = self.clock.now().mono;
        }
        pace.left -= 1.0;
    }
}
