//! Masks what must not leave the node: card numbers, e-mail addresses, AWS access keys, bearer
//! tokens, and what the operator's own patterns match.
//!
//! The kinds that are built in are found by a scan over the bytes, because this filter sees every
//! byte of every log. Own patterns are run by the agent. What stays and what goes is in README.md.

mod card;
mod email;
mod mask;
mod scan;
mod settings;
mod token;

use logsieve_filter::patterns::PatternSet;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter, report};

use scan::{Kind, Span};
pub use settings::{BuiltIn, Mask, Settings};

/// The filter.
pub struct Redact {
    settings: Settings,
    patterns: Option<PatternSet>,
    /// What was found in the batch in hand; kept between batches for its memory alone.
    spans: Vec<Span>,
}

impl Redact {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let patterns = match settings.patterns.len() {
            0 => None,
            _ => Some(
                PatternSet::compile(settings.patterns.values())
                    .map_err(|why| format!("`patterns`: {why}"))?,
            ),
        };
        Ok(Self {
            settings,
            patterns,
            spans: Vec::new(),
        })
    }
}

impl Filter for Redact {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        self.spans.clear();
        scan::find(batch.columns(), &self.settings.kinds, &mut self.spans);
        if let Some(patterns) = &self.patterns {
            let found = patterns.find(batch).into_iter();
            self.spans.extend(found.map(|found| Span {
                at: found.at,
                range: found.range,
                kind: Kind::Pattern(found.pattern),
            }));
        }
        mask::merge(&mut self.spans);
        mask::apply(batch, &self.spans, &self.settings);
        count(&self.spans);
        Ok(())
    }
}

/// Tells the operator how much was masked, by kind.
fn count(spans: &[Span]) {
    let mut counts = [
        ("cards", 0),
        ("emails", 0),
        ("aws_keys", 0),
        ("bearer_tokens", 0),
        ("patterns", 0),
    ];
    for span in spans {
        let counter = match span.kind {
            Kind::BuiltIn(BuiltIn::Card) => 0,
            Kind::BuiltIn(BuiltIn::Email) => 1,
            Kind::BuiltIn(BuiltIn::AwsKey) => 2,
            Kind::BuiltIn(BuiltIn::Bearer) => 3,
            Kind::Pattern(_) => 4,
        };
        counts[counter].1 += 1;
    }
    for (name, count) in counts.into_iter().filter(|&(_, count)| count > 0) {
        report::count(name, count);
    }
}

export_filter!(Redact, Redact::new);

#[cfg(test)]
mod tests;
