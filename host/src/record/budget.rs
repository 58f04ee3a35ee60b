//! Leave to hold bytes, and their total.
//!
//! What the agent holds between reading and the service's answer is bounded: when CloudWatch is
//! slow, reading stops, and the log files on the node are the buffer. Each log group may take only a
//! share of the whole, so one refusing group stops only its own containers; what is not finished (lines
//! whose end is not written, records that filters hold) has a share of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The total, bytes.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A quarter of the whole: for one log group, or for all that is not finished.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share {
            limit: self.limit / 4,
            used: AtomicUsize::new(0),
            whole: self.clone(),
        })
    }
}

/// A part of the budget.
#[derive(Debug)]
pub struct Share {
    limit: usize,
    used: AtomicUsize,
    whole: Arc<Budget>,
}

impl Share {
    /// Whether `bytes` more fit, here and in the whole. Asked before reading, so that nothing is
    /// read that could not be placed; what is packed may then overshoot by one batch a lane.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.used.load(Ordering::Relaxed) + bytes <= self.limit
            && self.whole.used() + bytes <= self.whole.limit
    }

    /// Whether what is held had better be let go, here or in the whole: the last quarter is for what is read
    /// meanwhile.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit / 4 * 3
            || self.whole.used() > self.whole.limit / 4 * 3
    }

    /// Whether more is held than may be.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.limit
    }

    /// Takes an empty permit, to be grown as bytes are packed.
    #[must_use]
    pub fn permit(self: &Arc<Self>) -> Permit {
        Permit {
            share: self.clone(),
            bytes: 0,
        }
    }

    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Leave to hold bytes; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    share: Arc<Share>,
    bytes: usize,
}

impl Permit {
    /// Counts `bytes` more.
    pub fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.share.used.fetch_add(bytes, Ordering::Relaxed);
        self.share.whole.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts `bytes`, in the place of what it counted.
    pub fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let less = self.bytes.saturating_sub(bytes);
        self.share.used.fetch_sub(less, Ordering::Relaxed);
        self.share.whole.used.fetch_sub(less, Ordering::Relaxed);
        self.bytes -= less;
        self.grow(bytes - self.bytes);
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.share.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.share
            .whole
            .used
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_log_group_takes_a_quarter_at_most() {
        let budget = Budget::new(1000);
        let (one, other) = (budget.share(), budget.share());
        let mut permit = one.permit();
        permit.grow(200);
        assert!(one.has_room(50));
        assert!(!one.has_room(51));
        assert!(other.has_room(250));
        assert!(one.is_tight() && !other.is_tight());
        permit.set(251);
        assert!(one.is_over());
        permit.set(40);
        assert_eq!((budget.used(), one.used(), permit.bytes()), (40, 40, 40));
        drop(permit);
        assert_eq!((budget.used(), one.used()), (0, 0));
    }
}
