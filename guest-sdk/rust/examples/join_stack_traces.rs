//! Joins the lines of a stack trace into one record: a worked example, with settings and tests.
//!
//! A runtime writes a trace as one record a line. Lines that begin with white space belong to the
//! record before them. The last event of a batch may go on in the next one, so it is held: it comes
//! again, in front of that batch, and the filter itself remembers nothing.
//!
//!     cargo test -p logsieve-filter --example join_stack_traces
//!     cargo build -p logsieve-filter --example join_stack_traces --release --target wasm32-unknown-unknown

use logsieve_filter::{Batch, Filter, Unjudged, export_filter};
use serde::Deserialize;

/// What the operator may set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What stands between the lines of a joined record.
    separator: String,
    /// The most lines that become one record, so that an endless one does not.
    lines_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            separator: "\n".into(),
            lines_max: 500,
        }
    }
}

struct JoinStackTraces(Settings);

impl JoinStackTraces {
    fn new(settings: Settings) -> Result<Self, String> {
        // At 1,000 records the agent holds no more, and shows the batch as the last.
        match settings.lines_max {
            2..=900 => Ok(Self(settings)),
            other => Err(format!("`lines_max` is {other}, and must be from 2 to 900")),
        }
    }

    /// Where the event ends that begins with record `start`.
    fn end_of_event(&self, batch: &Batch<'_>, start: usize) -> usize {
        let most = batch.len().min(start + self.0.lines_max);
        let goes_on = |at: &usize| matches!(batch.text(*at), [b' ' | b'\t', ..]);
        start + 1 + (start + 1..most).take_while(goes_on).count()
    }
}

impl Filter for JoinStackTraces {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let mut start = 0;
        while start < batch.len() {
            let end = self.end_of_event(batch, start);
            let may_go_on = end == batch.len() && end - start < self.0.lines_max;
            if may_go_on && !batch.is_last() {
                batch.hold(end - start);
                break;
            }
            if end - start > 1 {
                let lines: Vec<&[u8]> = (start..end).map(|at| batch.text(at)).collect();
                batch
                    .record(start)
                    .replace(lines.join(self.0.separator.as_bytes()));
                (start + 1..end).for_each(|at| batch.record(at).discard());
            }
            start = end;
        }
        Ok(())
    }
}

export_filter!(JoinStackTraces, JoinStackTraces::new);

#[cfg(test)]
mod tests {
    use super::*;
    use logsieve_filter::testing::{self, Run};

    fn filter(json: &str) -> JoinStackTraces {
        JoinStackTraces::new(testing::settings(json).unwrap()).unwrap()
    }

    #[test]
    fn a_trace_becomes_one_record() {
        let joined = testing::run(
            filter("{}"),
            ["ready", "panic: no", "  at a()", "\tat b()", "done"],
        );
        assert_eq!(joined, ["ready", "panic: no\n  at a()\n\tat b()", "done"]);
    }

    #[test]
    fn a_trace_that_goes_on_in_the_next_batch_is_joined_too() {
        let seen = Run::new(filter(r#"{"separator": "|"}"#))
            .batch(["ready", "panic: no"])
            .batch(["  at a()"])
            .batch(["  at b()", "done"])
            .finish();
        assert_eq!(
            seen.records,
            ["ready", "panic: no|  at a()|  at b()", "done"]
        );
        // The last line might have gone on, so it was held until nothing more came.
        assert_eq!(seen.calls, 4);
    }

    #[test]
    fn nothing_waits_when_the_container_is_quiet() {
        let seen = Run::new(filter("{}"))
            .last_batch(["panic: no", "  at a()"])
            .finish();
        assert_eq!((seen.records.len(), seen.calls), (1, 1));
    }

    #[test]
    fn an_endless_trace_is_cut() {
        let lines = std::iter::once("panic").chain(std::iter::repeat_n("  at a()", 9));
        let records = testing::run(filter(r#"{"lines_max": 5}"#), lines);
        assert_eq!(records.len(), 2);
    }

    #[test]
    fn a_limit_that_cannot_be_kept_is_refused() {
        let refused = JoinStackTraces::new(testing::settings(r#"{"lines_max": 1}"#).unwrap());
        assert_eq!(
            refused.err().unwrap(),
            "`lines_max` is 1, and must be from 2 to 900"
        );
    }
}
