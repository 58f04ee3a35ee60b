//! Never comes to an end with its settings, where they say so.
//! What is not configured is handed no batch, and must not stop a lane either.

use logsieve_filter::{Filter, Record, export_filter};

struct SlowConfigure;

#[derive(serde::Deserialize)]
struct Settings {
    slow: bool,
}

impl Filter for SlowConfigure {
    fn record(&mut self, _: &mut Record<'_>) {}
}

export_filter!(SlowConfigure, |settings: Settings| {
    while std::hint::black_box(settings.slow) {
        std::hint::spin_loop();
    }
    Ok::<_, String>(SlowConfigure)
});
