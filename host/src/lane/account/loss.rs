//! Bytes of a container that are lost, and the words of the marker that stands for them in its own
//! stream: whoever misses them reads that, and not the metrics.

use crate::checkpoint::store::FileKey;
use crate::record::Cause;
use crate::sink::rfc3339;

/// Bytes that were lost, until a marker for them is taken.
#[derive(Debug, Clone)]
pub struct Loss {
    pub cause: Cause,
    /// The unit of a journal whose entries they are, where that is known.
    pub of: Option<String>,
    pub bytes: u64,
    /// Entries of a journal, where they were counted.
    pub entries: u64,
    /// There may have been more, that nobody saw.
    pub at_least: bool,
    /// Between these moments, nanoseconds since the Unix epoch.
    pub between: (u64, u64),
    /// The files, as the checkpoint knows them, and the bytes of each: it remembers them until the
    /// marker is taken.
    pub keys: Vec<(FileKey, u64)>,
}

impl Loss {
    /// What the marker says.
    #[must_use]
    pub fn text(&self) -> String {
        let amount = match (self.bytes, self.at_least) {
            (0, _) => "an unknown number of".to_owned(),
            (bytes, true) => format!("at least {}", grouped(bytes)),
            (bytes, false) => grouped(bytes),
        };
        let whose = self.of.as_ref().map(|of| format!(" of `{of}`"));
        let whose = whose.unwrap_or_default();
        let what = match (self.entries, self.cause) {
            (0, Cause::Vacuumed) => format!("{amount} bytes{whose} of the journal"),
            (0, _) => format!("{amount} bytes of this container's log"),
            (entries, _) => format!(
                "{} entries{whose} of the journal ({amount} bytes)",
                grouped(entries)
            ),
        };
        format!(
            "logsieve: {what} {} between {} and {}",
            self.cause.text(),
            rfc3339(self.between.0),
            rfc3339(self.between.1),
        )
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
