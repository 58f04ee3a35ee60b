//! Credentials that are fetched anew when the service says that they are no good.
//!
//! The SDK keeps credentials until shortly before they expire. Some end before that: a role is
//! changed, a session revoked, the clock is wrong. Then what is kept is thrown away, once for all
//! requests that were signed with it, and the next request fetches what is valid now. What is denied to
//! them may be allowed to others by now (a pod's role was exchanged); but nearly always one log group is
//! denied, and they are good for all others: so they are exchanged seldom, and only for such as come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::config::{
    ConfigBag, IdentityCache, ResolveCachedIdentity, RuntimeComponents, SharedIdentityCache,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};

use crate::clock::Clock;

/// Credentials are fetched anew this long before they expire, or up to half of that later, so that not
/// all nodes ask at once; those of instances and pods last hours.
const REFRESH_BEFORE: Duration = Duration::from_secs(60);
/// Credentials that something is denied to are exchanged this long after they were fetched.
const EXCHANGE_AFTER: Duration = Duration::from_secs(300);

/// The SDK's cache of credentials, to be thrown away at any time.
#[derive(Debug, Clone)]
pub struct Renewable {
    clock: Clock,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    since: Duration,
    cache: SharedIdentityCache,
    /// Good as well, and used while no others come.
    former: Option<SharedIdentityCache>,
}

fn empty() -> SharedIdentityCache {
    IdentityCache::lazy().buffer_time(REFRESH_BEFORE).build()
}

impl Renewable {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let kept = Kept {
            since: clock.now().mono,
            cache: empty(),
            former: None,
        };
        Self {
            clock,
            kept: Arc::new(Mutex::new(kept)),
        }
    }

    /// What was valid at this moment is not any more. Nothing happens if it was renewed since.
    pub fn renew(&self, used_at: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.since <= used_at {
            kept.since = self.clock.now().mono;
            kept.cache = empty();
            kept.former = None;
        }
    }

    /// What was valid is valid still, and may not do something that others may.
    pub fn renew_now_and_then(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().mono;
        if now.saturating_sub(kept.since) >= EXCHANGE_AFTER {
            kept.since = now;
            kept.former = Some(std::mem::replace(&mut kept.cache, empty()));
        }
    }

    fn caches(&self) -> (SharedIdentityCache, Option<SharedIdentityCache>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.cache.clone(), kept.former.clone())
    }
}

impl ResolveCachedIdentity for Renewable {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let (cache, former) = self.caches();
        IdentityFuture::new(async move {
            let fetched = cache.resolve_cached_identity(resolver.clone(), components, config);
            match (fetched.await, former) {
                (Err(error), Some(former)) => {
                    let kept = former.resolve_cached_identity(resolver, components, config);
                    kept.await.map_err(|_| error)
                }
                (fetched, _) => fetched,
            }
        })
    }
}
