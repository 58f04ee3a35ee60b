//! Measures one module: the calls that the agent makes, on an instance of its own.
//! Each is measured with all that the agent does around a call.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::filter::bed::{Bed, Loaded, Settings};
use crate::clock::{Clock, process_cpu, thread_cpu};
use crate::filter::engine::Engine;
use crate::filter::instance::Instance;
use crate::filter::limits::Limits;
use crate::record::{Batch, Columns, Facts};
use crate::telemetry::metrics::Metrics;

/// Least CPU time of a run: shorter ones are measured by a clock as coarse as they are.
const LEAST: Duration = Duration::from_millis(150);
/// Most calls of a run.
const CALLS_MAX: u32 = 1 << 20;

/// A module that is being measured.
pub struct Measuring {
    loaded: Loaded,
    bed: Bed,
    settings: Settings,
    limits: Limits,
    compile: Duration,
    start: Duration,
    ns_per_record: Vec<f64>,
    bytes_out: usize,
}

/// What came of it.
pub struct Measured {
    pub name: String,
    pub ns_per_record: f64,
    pub fuel_per_record: f64,
    pub mb_per_second: f64,
    pub memory_bytes: usize,
    pub start: Duration,
    pub compile: Duration,
    pub output_ratio: f64,
}

impl Measuring {
    /// # Errors
    /// When the module cannot be loaded, or refuses its settings.
    pub fn new(
        module: &Path,
        settings: &Settings,
        limits: &Limits,
        routes: &[String],
    ) -> anyhow::Result<Self> {
        // Several threads compile.
        let before = process_cpu();
        let loaded = Loaded::new(module)?;
        let compile = process_cpu().saturating_sub(before);
        let bed = loaded.bed(settings, limits.clone(), routes)?;
        // The bed made one instance: this one is not the first, as in an agent that runs.
        let blueprint = loaded.blueprint(settings, limits.clone(), &Metrics::default());
        let before = thread_cpu();
        Instance::new(&blueprint)?;
        let start = thread_cpu() - before;
        Ok(Self {
            loaded,
            bed,
            settings: settings.clone(),
            limits: limits.clone(),
            compile,
            start,
            ns_per_record: Vec::new(),
            bytes_out: 0,
        })
    }

    /// One run: as many calls as make it long enough.
    ///
    /// # Errors
    /// When the filter fails.
    pub fn run(&mut self, records: &Columns) -> anyhow::Result<()> {
        self.call(records)?;
        let mut calls = 1;
        loop {
            // Batches are made before, since the agent's lane makes them and not the filter.
            let mut took = Duration::ZERO;
            for _ in 0..calls {
                let batch = self.batch(records);
                let before = thread_cpu();
                let out = self.bed.pass(batch, true)?;
                took += thread_cpu() - before;
                drop(out);
            }
            if took >= LEAST || calls >= CALLS_MAX {
                let per_record = took.as_nanos() as f64 / f64::from(calls) / records.len() as f64;
                self.ns_per_record.push(per_record);
                return Ok(());
            }
            calls *= 2;
        }
    }

    fn batch(&self, records: &Columns) -> Batch {
        let columns = records.clone();
        let receipt = self.bed.receipt();
        Batch { columns, receipt }
    }

    fn call(&mut self, records: &Columns) -> anyhow::Result<()> {
        let batch = self.batch(records);
        self.bytes_out = self.bed.pass(batch, true)?.columns.text.len();
        Ok(())
    }

    /// # Errors
    /// When the filter fails where its fuel is counted.
    pub fn finish(mut self, records: &Columns) -> anyhow::Result<Measured> {
        self.ns_per_record.sort_by(f64::total_cmp);
        let ns_per_record = self.ns_per_record[self.ns_per_record.len() / 2];
        let usage = self.usage(records)?;
        let bytes = records.text.len().max(1) as f64;
        Ok(Measured {
            name: self.loaded.name,
            ns_per_record,
            fuel_per_record: usage.fuel as f64 / records.len() as f64,
            mb_per_second: bytes / records.len() as f64 / ns_per_record * 1e3,
            memory_bytes: usage.memory_bytes,
            start: self.start,
            compile: self.compile,
            output_ratio: self.bytes_out as f64 / bytes,
        })
    }

    /// A batch on an engine that counts fuel; the second one, since the first grows memory.
    fn usage(&self, records: &Columns) -> anyhow::Result<crate::filter::instance::Usage> {
        let engine = Engine::metered(Clock::start())?;
        let loaded = Loaded::within(engine, &self.loaded.module.path)?;
        let blueprint = loaded.blueprint(&self.settings, self.limits.clone(), &Metrics::default());
        let mut instance = Instance::new(&blueprint)?;
        let container = Arc::new(crate::cli::filter::bed::container(&Facts::new()));
        let mut columns = records.clone();
        instance.process(&container, &mut columns, true)?;
        let before = instance.usage().fuel;
        instance.process(&container, &mut columns, true)?;
        let mut usage = instance.usage();
        usage.fuel -= before;
        Ok(usage)
    }
}

impl Measured {
    /// The share of one core that it takes at `rate` records a second.
    pub fn share(&self, rate: u32) -> f64 {
        self.ns_per_record * f64::from(rate) / 1e9
    }

    pub fn json(&self, rate: u32) -> serde_json::Value {
        serde_json::json!({
            "filter": self.name,
            "ns_per_record": self.ns_per_record.round(),
            "fuel_per_record": self.fuel_per_record.round(),
            "mb_per_second": self.mb_per_second.round(),
            "memory_bytes": self.memory_bytes,
            "start_us": self.start.as_micros() as u64,
            "compile_ms": self.compile.as_millis() as u64,
            "output_ratio": self.output_ratio,
            "share_of_core": self.share(rate),
            "records_per_second": rate,
        })
    }
}
