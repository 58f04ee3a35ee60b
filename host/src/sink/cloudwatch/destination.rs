//! Makes log groups and streams when the service says that they are missing. Nobody asks whether
//! they are there: an account has 25 such questions a second for all its nodes.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;

use super::body::To;
use super::client::Connection;
use super::group;
use super::pace::Account;
use super::retry::{self, Failed, Next};
use crate::telemetry::metrics::SinkMetrics;

/// Tries to set a new group's retention: it may be refused while the group is being made.
const RETENTION_TRIES_MAX: u32 = 8;

/// Creates groups and streams for one destination.
pub struct Creator {
    client: Client,
    given: group::Config,
    account: Arc<Account>,
    metrics: SinkMetrics,
}

impl Creator {
    #[must_use]
    pub fn new(connection: &Connection, account: Arc<Account>, metrics: SinkMetrics) -> Self {
        Self {
            client: connection.client.clone(),
            given: connection.given.clone(),
            account,
            metrics,
        }
    }

    /// Makes what a request `missed`: the stream, and its group where that is missing too. What
    /// exists already is success. `asked`: when the request was sent.
    ///
    /// # Errors
    /// When the service refuses; whoever asked tries again after a while.
    pub async fn make(&self, to: &To, missed: &Failed, asked: Duration) -> Result<(), Failed> {
        let creations = &self.account.creations;
        let group = || creations.once((&to.group, ""), asked, self.make_group(&to.group));
        let create = async {
            // A word of the message, to save a call; without it, the stream's creation tells.
            if missed.message.contains("log group") {
                group().await?;
                return self.make_stream(&to.group, &to.stream).await;
            }
            match self.make_stream(&to.group, &to.stream).await {
                Err(failed) if failed.next == Next::Create => {
                    group().await?;
                    self.make_stream(&to.group, &to.stream).await
                }
                done => done,
            }
        };
        creations.once((&to.group, &to.stream), asked, create).await
    }

    async fn make_stream(&self, group: &str, stream: &str) -> Result<(), Failed> {
        self.account.creations.leave().await;
        let call = self.client.create_log_stream();
        let made = call
            .log_group_name(group)
            .log_stream_name(stream)
            .send()
            .await;
        self.answered("stream", made.map(drop).map_err(|e| retry::judge(&e)))
    }

    async fn make_group(&self, group: &str) -> Result<(), Failed> {
        if !self.given.log_groups {
            let cause = "it does not exist, and `create.log_groups` is off: create it by hand";
            return Err(Failed::told("ResourceNotFoundException", cause.into()));
        }
        self.account.creations.leave().await;
        let call = self.client.create_log_group().log_group_name(group);
        let made = self.given.put_into(call).send().await;
        let made = made.map(drop).map_err(|e| retry::judge(&e));
        let created = made.is_ok();
        self.answered("group", made)?;
        // Another agent may have been first, and then it is the other's to do.
        if created {
            tracing::info!(group, "log group created");
            self.retain(group).await;
        }
        Ok(())
    }

    /// Says how long a new group's events are kept. No record is lost for it: a group that is kept
    /// too long can be put right by hand.
    async fn retain(&self, group: &str) {
        let Some(days) = self.given.retention_days else {
            return;
        };
        for tries in 1..=RETENTION_TRIES_MAX {
            let call = self.client.put_retention_policy().log_group_name(group);
            let Err(error) = call.retention_in_days(days).send().await else {
                return;
            };
            let failed = retry::judge(&error);
            let passes = matches!(failed.next, Next::Retry { .. } | Next::Throttled);
            if tries == RETENTION_TRIES_MAX || !passes {
                let (code, cause) = (failed.code, failed.message);
                tracing::warn!(
                    group,
                    days,
                    code,
                    cause,
                    "retention is not set; set it by hand"
                );
                return;
            }
            let random = retry::random(u64::from(tries));
            tokio::time::sleep(retry::backoff(tries, random)).await;
        }
    }

    fn answered(&self, what: &str, made: Result<(), Failed>) -> Result<(), Failed> {
        self.account.creations.answered(&made);
        match made {
            Err(failed) if failed.code == "ResourceAlreadyExistsException" => Ok(()),
            Err(failed) => Err(failed),
            Ok(()) => {
                let label = vec![("what", what.to_owned())];
                self.metrics.creations.get_or_create(&label).inc();
                Ok(())
            }
        }
    }
}
