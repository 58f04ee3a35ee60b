//! Refuses whatever settings it is given.
//! What it says about them is what the operator is shown.

use logsieve_filter::{Filter, export_filter};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    colour: String,
}

struct RefusesSettings;

impl Filter for RefusesSettings {}

fn new(settings: Settings) -> Result<RefusesSettings, String> {
    Err(format!("`{}` is no colour for a log", settings.colour))
}

export_filter!(RefusesSettings, new);
