//! Credentials that are fetched anew when the service says that they are no good.
//!
//! The SDK keeps credentials until shortly before they expire. Some end before that: a role is
//! changed, a session revoked, the clock is wrong. Then what is kept is thrown away, once for all
//! requests that were signed with it, and the next request fetches what is valid now.

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
        }
    }

    fn cache(&self) -> SharedIdentityCache {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.cache.clone()
    }
}

impl ResolveCachedIdentity for Renewable {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.cache();
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, components, config)
                .await
        })
    }
}
