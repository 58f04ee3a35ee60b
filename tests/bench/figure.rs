//! How a figure is measured and printed: CPU time of this thread, the median of several runs, with the
//! least and the most beside it.

use std::hint::black_box;
use std::time::Duration;

use logsieve::clock::thread_cpu;

/// How often each figure is taken; odd, so that the median is one of them.
pub const RUNS: usize = 5;

/// Which figures are asked for: those whose name begins so.
pub struct Wanted(pub String);

impl Wanted {
    pub fn has(&self, name: &str) -> bool {
        name.starts_with(&self.0)
    }

    /// Whether a group has any: its name begins so, or leads there.
    pub fn any(&self, group: &str) -> bool {
        group.starts_with(&self.0) || self.0.starts_with(group)
    }
}

/// Prints one figure from its runs.
pub fn print(name: &str, unit: &str, runs: &mut [f64]) {
    runs.sort_by(f64::total_cmp);
    // A size is exact.
    let round = |value: f64| if unit == "bytes" { value } else { round(value) };
    let figure = serde_json::json!({
        "bench": name,
        "value": round(runs[runs.len() / 2]),
        "unit": unit,
        "least": round(runs[0]),
        "most": round(runs[runs.len() - 1]),
    });
    println!("{figure}");
}

/// Four digits say more than any run repeats.
fn round(value: f64) -> f64 {
    let scale = 10_f64.powi(3 - value.abs().max(1e-9).log10().floor() as i32);
    (value * scale).round() / scale
}

/// Nanoseconds of this thread's CPU time for each unit of work: `work` does `units` of them, and is
/// repeated until a run is long enough to be measured.
pub fn ns_per_unit(units: usize, mut work: impl FnMut()) -> f64 {
    const LEAST: Duration = Duration::from_millis(200);
    work();
    let mut rounds = 1_u32;
    loop {
        let started = thread_cpu();
        for _ in 0..rounds {
            black_box(&mut work)();
        }
        let took = thread_cpu() - started;
        if took >= LEAST {
            return took.as_nanos() as f64 / f64::from(rounds) / units as f64;
        }
        rounds *= 2;
    }
}
