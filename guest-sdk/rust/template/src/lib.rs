//! Drops records that hold one of some texts, and masks passwords.
//!
//! `cargo test` runs the tests below natively; `logsieve filter test` runs `examples.yaml` on the module.

use logsieve_filter::{Filter, Record, export_filter, report};
use serde::Deserialize;

/// What the operator may set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// A record that holds one of these texts is not forwarded.
    drop: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            drop: vec!["GET /healthz".into()],
        }
    }
}

struct MyFilter(Settings);

impl MyFilter {
    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self(settings))
    }
}

impl Filter for MyFilter {
    fn record(&mut self, record: &mut Record<'_>) {
        let is_in = |word: &String| find(record.text(), word.as_bytes()).is_some();
        if self.0.drop.iter().any(is_in) {
            record.discard();
        } else {
            mask(record);
        }
    }
}

/// Puts stars in place of whatever stands behind `password=`.
fn mask(record: &mut Record<'_>) {
    let text = record.text();
    let mut from = 0;
    while let Some(found) = find(&text[from..], b"password=") {
        let start = from + found + b"password=".len();
        let ends = |byte: &u8| b" &\"\t".contains(byte);
        let end = text[start..].iter().position(ends).map_or(text.len(), |n| start + n);
        if end > start {
            record.splice(start..end, "***");
            report::count("passwords", 1);
        }
        from = end;
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, word)
}

export_filter!(MyFilter, MyFilter::new);

#[cfg(test)]
mod tests {
    use super::*;
    use logsieve_filter::testing;

    fn run(settings: &str, records: &[&str]) -> Vec<testing::Output> {
        let filter = MyFilter::new(testing::settings(settings).unwrap()).unwrap();
        testing::run(filter, records.iter().copied())
    }

    #[test]
    fn passwords_are_masked() {
        assert_eq!(run("{}", &["password=secret ok", "GET /healthz"]), ["password=*** ok"]);
    }

    #[test]
    fn other_records_are_dropped_if_asked_for() {
        assert_eq!(run(r#"{"drop": ["DEBUG"]}"#, &["DEBUG a", "INFO b"]), ["INFO b"]);
    }
}
