//! What a thread that waits may be asked for: to end, or to begin anew. Whoever asks wakes it, so that
//! no thread has to look now and then whether it was asked.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Waker = Box<dyn Fn() + Send>;

/// A wish that several threads may see, each of which says how it is woken.
#[derive(Clone, Default)]
pub struct Ask {
    inner: Arc<Inner>,
    /// How often it had been asked when this one looked last.
    seen: u64,
}

#[derive(Default)]
struct Inner {
    asked: AtomicU64,
    wakers: Mutex<Vec<Waker>>,
}

/// Asks threads to end.
pub type Stop = Ask;
/// Has everything told again: for files that nobody wanted when they were told first.
pub type Again = Ask;

impl Ask {
    pub fn now(&self) {
        self.inner.asked.fetch_add(1, Ordering::SeqCst);
        self.wakers().iter().for_each(|wake| wake());
    }

    /// Whether somebody has ever asked.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.inner.asked.load(Ordering::SeqCst) > 0
    }

    /// Whether somebody has asked since this one looked last.
    pub fn is_asked(&mut self) -> bool {
        let asked = self.inner.asked.load(Ordering::SeqCst);
        std::mem::replace(&mut self.seen, asked) != asked
    }

    /// How a thread is woken, which looks whether it was asked after it has said so.
    pub fn wakes<T>(&self, wake: impl Fn() -> T + Send + 'static) {
        self.wakers().push(Box::new(move || drop(wake())));
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        let wakers = self.inner.wakers.lock();
        wakers.unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").field(&self.asked()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn whoever_asks_wakes_all_that_wait() {
        let (stop, mut again) = (Stop::default(), Again::default());
        let (to, woken) = channel();
        for number in 0..2 {
            let to = to.clone();
            stop.wakes(move || to.send(number));
        }
        again.now();
        assert_eq!((again.is_asked(), again.is_asked()), (true, false));
        assert_eq!((stop.asked(), woken.try_iter().count()), (false, 0));
        stop.now();
        assert!(stop.asked());
        assert_eq!(woken.try_iter().collect::<Vec<_>>(), [0, 1]);
    }
}
