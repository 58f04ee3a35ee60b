//! What a filter can ask and tell, natively: one small world for each thread.
//!
//! A test runs on one thread, so tests side by side do not see each other's facts and reports.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::report::Level;

/// Facts by name.
pub(crate) type Facts = BTreeMap<String, String>;

/// What a filter told while it ran.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) counters: BTreeMap<String, u64>,
}

thread_local! {
    static FACTS: RefCell<Facts> = const { RefCell::new(BTreeMap::new()) };
    // Nothing is kept where nobody asked for it: a benchmark may run a filter for ever.
    static TOLD: RefCell<Option<Told>> = const { RefCell::new(None) };
}

/// Runs `body` in a world with these facts; gives back what was told.
pub(crate) fn within<R>(facts: Facts, body: impl FnOnce() -> R) -> (R, Told) {
    FACTS.replace(facts);
    TOLD.replace(Some(Told::default()));
    let result = body();
    FACTS.take();
    (result, TOLD.take().unwrap_or_default())
}

pub(crate) fn origin<R>(ask: impl FnOnce(&Facts) -> R) -> R {
    FACTS.with_borrow(ask)
}

pub(crate) fn log(level: Level, message: &str) {
    tell(|told| told.log.push((level, message.to_owned())));
}

pub(crate) fn count(name: &str, by: u64) {
    tell(|told| *told.counters.entry(name.to_owned()).or_default() += by);
}

fn tell(say: impl FnOnce(&mut Told)) {
    TOLD.with_borrow_mut(|told| told.as_mut().map(say));
}
