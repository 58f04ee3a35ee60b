//! Puts words in front of every record, so that a test sees which settings, and which module, were in
//! charge of it.

use logsieve_filter::{Filter, Record, export_filter};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "new")]
    with: String,
}

fn new() -> String {
    "new ".to_owned()
}

struct Prefixes(String);

impl Filter for Prefixes {
    fn record(&mut self, record: &mut Record<'_>) {
        record.splice(0..0, self.0.as_bytes());
    }
}

fn configured(settings: Settings) -> Result<Prefixes, String> {
    Ok(Prefixes(settings.with))
}

export_filter!(Prefixes, configured);
