//! Keeps a MiB for each record that it ever saw, and says how many those are.
//! A leak: memory of Wasm never shrinks, so only a fresh instance gives it back.

use logsieve_filter::{Filter, Record, export_filter};

#[derive(Default)]
struct KeepsMemory(Vec<Vec<u8>>);

#[derive(serde::Deserialize)]
struct NoSettings {}

impl Filter for KeepsMemory {
    fn record(&mut self, record: &mut Record<'_>) {
        self.0.push(std::hint::black_box(vec![1; 1 << 20]));
        record.replace(self.0.len().to_string());
    }
}

export_filter!(KeepsMemory, |_: NoSettings| {
    Ok::<_, String>(KeepsMemory::default())
});
