//! Replaces a record that is a fact's name by its value, and `all` by the list of facts.
//! The record `while configured` becomes the number of facts that were known then.

use logsieve_filter::{Filter, Record, export_filter, origin};

#[derive(serde::Deserialize)]
struct NoSettings {}

/// How many facts there were while it was configured.
struct TellsOrigin(usize);

impl Filter for TellsOrigin {
    fn record(&mut self, record: &mut Record<'_>) {
        let name = record.text_lossy();
        let pairs = || {
            origin::all()
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
        };
        record.replace(match name.as_ref() {
            "all" => pairs().collect::<Vec<_>>().join(" "),
            "while configured" => self.0.to_string(),
            name => origin::get(name).unwrap_or_else(|| format!("no `{name}`")),
        });
    }
}

export_filter!(TellsOrigin, |_: NoSettings| Ok::<_, String>(TellsOrigin(
    origin::all().len()
)));
