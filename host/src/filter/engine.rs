//! The machine that compiles and runs modules: one for all filters and lanes.
//!
//! Deadlines need somebody who ticks. One thread does, only while calls run, so that an idle node
//! pays nothing.
//!
//! An instance maps its memory when it starts, its data copy-on-write. Made, configured and thrown away,
//! that is 53 us of CPU time for `redact`, 308 for JavaScript, 960 for Go; with copies of the data 46,
//! 645 and 2,770. With wasmtime's pool of instances it is 51, 308 and 903; six live ones take 1.7 MiB
//! either way. For so small a gain, and only after a failure or a swap, a pool takes 4 TiB of addresses
//! for 1,000 places, fixes every limit at the start, and refuses one team's instance where another's
//! namespaces took the last place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use crate::clock::Clock;

/// How far apart ticks are: what a deadline may be overrun by.
const TICK: Duration = Duration::from_millis(2);

/// The head of a module, with no section behind it.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the WebAssembly engine does not start on this machine: {0:#}")]
    Start(wasmtime::Error),
    #[error("the ticking thread does not start")]
    Ticker(#[source] std::io::Error),
}

/// A wasmtime engine and its clock.
#[derive(Clone)]
pub struct Engine {
    wasm: wasmtime::Engine,
    /// A module with nothing in it: to find out how many of any there are.
    empty: wasmtime::Module,
    ticker: Arc<Ticker>,
    pub clock: Clock,
    /// Work is counted in fuel, which is the same in every run; it costs some time.
    pub metered: bool,
}

/// How modules are compiled and run: code compiled with one of these runs with any.
#[must_use]
pub fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        // A typed call costs 300 ns without the support for concurrent guests, 800 with it.
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(512 * 1024);
    config
}

impl Engine {
    /// # Errors
    /// When wasmtime refuses the machine, or no thread can be started.
    pub fn new(clock: Clock) -> Result<Self, Error> {
        Self::with(clock, false)
    }

    /// An engine that counts fuel.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn metered(clock: Clock) -> Result<Self, Error> {
        Self::with(clock, true)
    }

    fn with(clock: Clock, metered: bool) -> Result<Self, Error> {
        let mut config = config();
        config.consume_fuel(metered);
        let wasm = wasmtime::Engine::new(&config).map_err(Error::Start)?;
        let empty = wasmtime::Module::new(&wasm, EMPTY).map_err(Error::Start)?;
        let ticker = Ticker::start(&wasm).map_err(Error::Ticker)?;
        Ok(Self {
            wasm,
            empty,
            ticker,
            clock,
            metered,
        })
    }

    /// How many ticks there were.
    #[must_use]
    pub fn ticks(&self) -> Arc<AtomicU64> {
        self.ticker.ticks.clone()
    }

    #[must_use]
    pub fn empty(&self) -> &wasmtime::Module {
        &self.empty
    }

    #[must_use]
    pub fn wasm(&self) -> &wasmtime::Engine {
        &self.wasm
    }

    /// A call begins; ticks come until the guard is dropped.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        self.ticker.begun.fetch_add(1, Ordering::SeqCst);
        if self.ticker.asleep.load(Ordering::SeqCst)
            && self.ticker.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.ticker.thread.get()
        {
            thread.unpark();
        }
        Call(&self.ticker)
    }
}

/// A call that runs.
pub struct Call<'a>(&'a Ticker);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Ticker {
    /// Calls ever begun, and ever ended.
    begun: AtomicU64,
    ended: AtomicU64,
    asleep: AtomicBool,
    /// For native code, which no epoch interrupts.
    ticks: Arc<AtomicU64>,
    thread: std::sync::OnceLock<Thread>,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> std::io::Result<Arc<Self>> {
        let ticker = Arc::new(Self::default());
        let (weak, engine) = (Arc::downgrade(&ticker), engine.weak());
        let handle = std::thread::Builder::new()
            .name("ticker".into())
            .spawn(move || {
                while let (Some(ticker), Some(engine)) = (weak.upgrade(), engine.upgrade()) {
                    engine.increment_epoch();
                    ticker.ticks.fetch_add(1, Ordering::Relaxed);
                    ticker.rest();
                }
            })?;
        // A set that fails means it was set: there is one thread.
        let _ = ticker.thread.set(handle.thread().clone());
        Ok(ticker)
    }

    fn is_running(&self) -> bool {
        self.ended.load(Ordering::SeqCst) != self.begun.load(Ordering::SeqCst)
    }

    /// Sleeps for a tick, or, when no call ran since the last one, until one begins.
    fn rest(&self) {
        let before = self.begun.load(Ordering::SeqCst);
        std::thread::sleep(TICK);
        if self.begun.load(Ordering::SeqCst) != before || self.is_running() {
            return;
        }
        self.asleep.store(true, Ordering::SeqCst);
        // A call that began before it could see `asleep` is running now.
        if !self.is_running() {
            // Wakes now and then to see whether the engine is gone.
            std::thread::park_timeout(Duration::from_secs(5));
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until it is so; a minute is as good as never.
    fn until(what: &str, mut so: impl FnMut() -> bool) {
        let came = (0..6000).any(|_| {
            std::thread::sleep(TICK * 5);
            so()
        });
        assert!(came, "{what}");
    }

    #[test]
    fn nothing_ticks_but_while_calls_run() {
        let engine = Engine::new(Clock::start()).unwrap();
        let ticks = engine.ticks();
        let count = || ticks.load(Ordering::Relaxed);
        for _ in 0..3 {
            let mut before = count();
            // Woken by nobody, the thread looks every five seconds whether it is still wanted.
            until("it stops", || {
                std::mem::replace(&mut before, count()) == count()
            });
            let call = engine.call();
            let began = count();
            until("it ticks", || count() > began + 2);
            drop(call);
        }
    }
}
