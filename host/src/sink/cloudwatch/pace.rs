//! How fast one account and region is asked: one throttle, one number of requests at once.
//!
//! The service counts calls by account and region, whatever stream they are for, so all destinations
//! with the same region, endpoint and account of their role share one [`Account`]. The number of
//! requests at once grows by one with each answer at first, then by one with each round of answers, and
//! falls to half at a setback (AIMD), between one and `requests_max`. After a throttle nobody asks before
//! the back-off is over: anywhere up to its doubled length (full jitter), at most a minute.
//! A log group that goes on failing while others' requests are taken is in trouble of its own (`trouble`),
//! and slows none but itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::client::Role;
use super::creation::Creations;
use super::retry;
use super::trouble::{Gate, Troubles};
use crate::clock::Clock;

/// The accounts that destinations send to.
#[derive(Default)]
pub struct Accounts(HashMap<String, Arc<Account>>);

impl Accounts {
    /// The account behind a destination.
    pub fn of(&mut self, config: &super::Config, clock: Clock) -> Arc<Account> {
        let new = || Arc::new(Account::new(clock));
        let account = self.0.entry(key(config)).or_insert_with(new);
        account.widen(config.requests_max);
        account.clone()
    }

    /// These are all destinations from now on: each account has the most requests at once that one of its own
    /// is configured with, which may be fewer than before.
    pub fn bound<'a>(&self, configs: impl Iterator<Item = &'a super::Config>) {
        let mut most = HashMap::<String, usize>::new();
        for config in configs {
            let most = most.entry(key(config)).or_default();
            *most = config.requests_max.max(*most);
        }
        for (key, most) in most {
            if let Some(account) = self.0.get(&key) {
                account.bound(most);
            }
        }
    }
}

/// What destinations share that have the same.
fn key(config: &super::Config) -> String {
    let account = config.role.as_ref().map(Role::account);
    format!("{:?} {:?} {account:?}", config.region, config.endpoint)
}

/// The pace of one account and region.
pub struct Account {
    clock: Clock,
    slots: Semaphore,
    pace: Mutex<Pace>,
    pub creations: Creations,
}

struct Pace {
    /// Requests that may be on their way at once, and the most that are configured.
    limit: f64,
    most: usize,
    /// Slots that there are; falls to the limit as they come back.
    slots: usize,
    /// No setback has been met yet.
    starting: bool,
    /// The last setback: what was sent before it tells nothing new.
    set_back_at: Duration,
    /// Throttles in a row, and when the last back-off ends.
    throttles: u32,
    until: Duration,
    troubles: Troubles,
}

impl Account {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            slots: Semaphore::new(1),
            pace: Mutex::new(Pace {
                limit: 1.0,
                most: 1,
                slots: 1,
                starting: true,
                set_back_at: Duration::ZERO,
                throttles: 0,
                until: Duration::ZERO,
                troubles: Troubles::default(),
            }),
            creations: Creations::new(clock),
        }
    }

    /// Allows at least this many requests on their way at once, as far as the service takes them.
    pub fn widen(&self, requests_max: usize) {
        let mut pace = self.pace();
        pace.most = pace.most.max(requests_max);
    }

    /// Allows at most this many; what is on its way already is let go on.
    fn bound(&self, requests_max: usize) {
        let mut pace = self.pace();
        pace.most = requests_max.max(1);
        pace.limit = pace.limit.min(pace.most as f64);
        let less = pace.slots.saturating_sub(pace.whole());
        pace.slots -= self.slots.forget_permits(less);
    }

    /// Requests that may be on their way at once, now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.pace().whole()
    }

    /// How long the service is left alone from now on, after throttles.
    #[must_use]
    pub fn throttled_for(&self) -> Duration {
        self.pace().until.saturating_sub(self.clock.now().mono)
    }

    /// Waits for leave to send one request to a log group.
    pub async fn slot(&self, group: &Arc<str>) -> Slot<'_> {
        let alone = self.alone(group).await;
        // Never closed, so there is always a permit in the end.
        let permit = self.slots.acquire().await.ok();
        loop {
            let wait = self.throttled_for();
            if wait.is_zero() {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        Slot {
            account: self,
            group: group.clone(),
            _alone: alone,
            permit,
            began: self.clock.now().mono,
        }
    }

    /// Of a log group in trouble one request goes at a time: the others would wait for slots to no avail.
    async fn alone(&self, group: &str) -> Option<Gate> {
        loop {
            let gate = self.pace().troubles.gate(group)?;
            let alone = gate.acquire_owned().await.ok();
            if self.pace().troubles.gate(group).is_some() {
                return alone;
            }
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    fn whole(&self) -> usize {
        // Between one and what is configured, so nothing is cut off.
        (1..=self.most)
            .rev()
            .find(|n| *n as f64 <= self.limit)
            .unwrap_or(1)
    }
}

/// Leave to send one request; whoever has an answer says which.
pub struct Slot<'a> {
    account: &'a Account,
    group: Arc<str>,
    _alone: Option<Gate>,
    permit: Option<SemaphorePermit<'a>>,
    began: Duration,
}

impl Slot<'_> {
    /// When the request was sent.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.began
    }

    /// The service took the request: one more may be on its way.
    pub fn taken(self) {
        let mut pace = self.account.pace();
        pace.troubles.taken(&self.group, self.began);
        if self.began >= pace.set_back_at {
            pace.throttles = 0;
        }
        let step = if pace.starting { 1.0 } else { 1.0 / pace.limit };
        pace.limit = (pace.limit + step).min(pace.most as f64);
        let more = pace.whole().saturating_sub(pace.slots);
        pace.slots += more;
        self.account.slots.add_permits(more);
    }

    /// The service is slow, away or in trouble: half as many at once.
    pub fn set_back(self) {
        self.fall_back();
    }

    /// The service says that it is asked too often: half as many at once, and none for a while. False: it
    /// said so of this log group alone, which has to wait by itself.
    pub fn throttled(self) -> bool {
        match self.fall_back() {
            Fall::Now => {
                let now = self.account.clock.now();
                let mut pace = self.account.pace();
                pace.throttles = pace.throttles.saturating_add(1);
                pace.until = now.mono + retry::backoff(pace.throttles, retry::random(now.wall));
                true
            }
            Fall::Before => true,
            Fall::Not => false,
        }
    }

    /// Halves the limit, once for all that were sent at the same time.
    fn fall_back(&self) -> Fall {
        let mut pace = self.account.pace();
        if self.began < pace.set_back_at {
            return Fall::Before;
        }
        let now = self.account.clock.now().mono;
        if !pace.troubles.is_the_accounts(&self.group, now) {
            return Fall::Not;
        }
        pace.set_back_at = now;
        pace.starting = false;
        pace.limit = (pace.limit / 2.0).max(1.0);
        let less = pace.slots.saturating_sub(pace.whole());
        pace.slots -= self.account.slots.forget_permits(less);
        Fall::Now
    }
}

/// What a failure does to the account's pace.
enum Fall {
    Now,
    /// Another one did it, that was sent at the same time.
    Before,
    /// It is the log group's own.
    Not,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut pace = self.account.pace();
        if let Some(permit) = self.permit.take()
            && pace.slots > pace.whole()
        {
            pace.slots -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(most: usize) -> Account {
        let account = Account::new(Clock::start());
        account.widen(most);
        account
    }

    #[test]
    fn destinations_of_one_account_and_region_share_their_pace() {
        let mut accounts = Accounts::default();
        let mut of = |region: &str, account: &str, role: &str| {
            let config = super::super::Config {
                region: Some(region.into()),
                role: Some(Role {
                    arn: format!("arn:aws:iam::{account}:role/{role}"),
                    external_id: None,
                }),
                ..super::super::Config::default()
            };
            accounts.of(&config, Clock::start())
        };
        let one = of("eu-central-1", "123456789012", "one");
        assert!(Arc::ptr_eq(
            &one,
            &of("eu-central-1", "123456789012", "two")
        ));
        assert!(!Arc::ptr_eq(
            &one,
            &of("eu-central-1", "210987654321", "one")
        ));
        assert!(!Arc::ptr_eq(&one, &of("eu-west-1", "123456789012", "one")));
    }

    #[tokio::test]
    async fn requests_at_once_go_up_one_by_one_and_fall_to_half() {
        let (account, group) = (account(4), Arc::from("g"));
        for limit in [2, 3, 4, 4] {
            account.slot(&group).await.taken();
            assert_eq!(account.limit(), limit);
        }
        account.slot(&group).await.set_back();
        assert_eq!(account.limit(), 2);
        // From here on it takes a round of answers for one more.
        account.slot(&group).await.taken();
        assert_eq!(account.limit(), 2);
        account.slot(&group).await.taken();
        account.slot(&group).await.taken();
        assert_eq!(account.limit(), 3);
    }

    #[tokio::test]
    async fn fewer_requests_at_once_are_configured_in_a_running_agent() {
        let config = |requests_max| super::super::Config {
            requests_max,
            ..super::super::Config::default()
        };
        let mut accounts = Accounts::default();
        let account = accounts.of(&config(4), Clock::start());
        let group = Arc::from("g");
        for _ in 0..3 {
            account.slot(&group).await.taken();
        }
        let out = [account.slot(&group).await, account.slot(&group).await];
        accounts.of(&config(1), Clock::start());
        assert_eq!(account.limit(), 4, "both destinations are in force");
        accounts.bound([config(1)].iter());
        assert_eq!((account.limit(), account.slots.available_permits()), (1, 0));
        out.into_iter().for_each(Slot::taken);
        assert_eq!((account.limit(), account.slots.available_permits()), (1, 1));
        accounts.bound([config(1), config(3)].iter());
        account.slot(&group).await.taken();
        assert_eq!(account.limit(), 2);
    }

    #[tokio::test]
    async fn what_was_sent_together_falls_back_once() {
        let (account, group) = (account(4), Arc::from("g"));
        for _ in 0..3 {
            account.slot(&group).await.taken();
        }
        let together = [
            account.slot(&group).await,
            account.slot(&group).await,
            account.slot(&group).await,
        ];
        std::thread::sleep(Duration::from_millis(2));
        together
            .into_iter()
            .for_each(|slot| assert!(slot.throttled()));
        assert_eq!((account.limit(), account.pace().throttles), (2, 1));
        assert_eq!(
            (account.pace().slots, account.slots.available_permits()),
            (2, 2)
        );
    }

    #[tokio::test]
    async fn after_a_throttle_nobody_asks_before_the_back_off_is_over() {
        let (account, group) = (account(4), Arc::from("g"));
        assert!(account.slot(&group).await.throttled());
        let until = account.pace().until;
        assert!(!account.throttled_for().is_zero());
        assert!(account.slot(&group).await.began() >= until);
    }

    /// Its first failure may be the account's.
    #[tokio::test]
    async fn a_log_group_that_goes_on_failing_while_others_are_taken_slows_itself_alone() {
        let account = account(4);
        let (well, stuck) = (Arc::from("well"), Arc::from("stuck"));
        for _ in 0..3 {
            account.slot(&well).await.taken();
        }
        account.slot(&stuck).await.set_back();
        assert_eq!(account.limit(), 2);
        for _ in 0..20 {
            account.slot(&well).await.taken();
            assert!(!account.slot(&stuck).await.throttled());
            account.slot(&well).await.taken();
            account.slot(&stuck).await.set_back();
        }
        assert_eq!(
            (account.limit(), account.throttled_for()),
            (4, Duration::ZERO)
        );
        // Another one's failure may be the account's again, and so may its own once it was taken.
        account.slot(&well).await.set_back();
        assert_eq!(account.limit(), 2);
        account.slot(&stuck).await.taken();
        account.slot(&stuck).await.set_back();
        assert_eq!(account.limit(), 1);
    }

    #[tokio::test]
    async fn of_a_log_group_in_trouble_one_request_goes_at_a_time() {
        let account = account(4);
        let stuck = Arc::from("stuck");
        for _ in 0..3 {
            account.slot(&stuck).await.taken();
        }
        account.slot(&stuck).await.set_back();
        let alone = account.slot(&stuck).await;
        let wait = Duration::from_millis(20);
        let next = tokio::time::timeout(wait, account.slot(&stuck)).await;
        assert!(next.is_err());
        let other = account.slot(&Arc::from("well")).await;
        alone.taken();
        let both = [account.slot(&stuck).await, other];
        assert_eq!(both.len(), 2);
    }
}
