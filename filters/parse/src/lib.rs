//! Makes JSON of lines that are not: logfmt, access logs of nginx and Apache, and what a regular expression
//! with named groups describes; or lifts JSON out of a field that holds it as text.
//!
//! The forms are tried in order, and the first that fits makes the record. What none fits is left as it
//! is, dropped, or wrapped, as the operator says.

mod access;
mod json;
mod logfmt;
mod nested;
mod settings;

use logsieve_filter::{Filter, Record, export_filter, report};
use regex_lite::Regex;

pub use settings::Settings;
use settings::{Form, Otherwise};

/// The filter.
pub struct Parse {
    forms: Vec<Parser>,
    otherwise: Otherwise,
    keep: Option<String>,
}

enum Parser {
    Logfmt,
    Access,
    Nested(String),
    Regex(Regex),
}

impl Parse {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        if settings.forms.is_empty() {
            return Err("`forms` is empty: nothing would be parsed".into());
        }
        let forms = settings.forms.into_iter().zip(0..).map(|(form, n)| {
            Ok(match form {
                Form::Logfmt => Parser::Logfmt,
                Form::Access => Parser::Access,
                Form::Nested(field) => Parser::Nested(field),
                Form::Regex(text) => {
                    Parser::Regex(compile(&text).map_err(|why| format!("`forms[{n}]`: {why}"))?)
                }
            })
        });
        Ok(Self {
            forms: forms.collect::<Result<_, String>>()?,
            otherwise: settings.otherwise,
            keep: settings.keep,
        })
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    let regex = Regex::new(text).map_err(|error| format!("`{text}`: {error}"))?;
    match regex.capture_names().flatten().next() {
        Some(_) => Ok(regex),
        None => Err(format!(
            "`{text}` has no named group, as in `(?<level>[A-Z]+)`"
        )),
    }
}

impl Filter for Parse {
    fn record(&mut self, record: &mut Record<'_>) {
        // JSON is UTF-8: bytes that are not come out as U+FFFD where a line is taken apart.
        let text = record.text_lossy();
        let parsed = self.forms.iter().find_map(|form| match form {
            Parser::Logfmt => logfmt::parse(&text),
            Parser::Access => access::parse(&text),
            Parser::Nested(field) => nested::parse(&text, field),
            Parser::Regex(regex) => groups(regex, &text),
        });
        match parsed {
            Some(mut object) => {
                if let Some(name) = &self.keep {
                    object.text(name, &text);
                }
                record.replace(object.finish());
            }
            None => self.leave(record, &text),
        }
    }
}

impl Parse {
    fn leave(&self, record: &mut Record<'_>, text: &str) {
        match &self.otherwise {
            // A line that is an object already needs nothing.
            _ if json::is_object(text) => {}
            Otherwise::Pass => report::count("not_parsed", 1),
            Otherwise::Drop => {
                report::count("not_parsed", 1);
                record.discard();
            }
            Otherwise::Wrap(name) => {
                report::count("not_parsed", 1);
                let mut object = json::Object::new();
                object.text(name, text);
                record.replace(object.finish());
            }
        }
    }
}

/// The named groups of a match; groups that took no part are left out.
fn groups(regex: &Regex, text: &str) -> Option<json::Object> {
    let captures = regex.captures(text)?;
    let mut object = json::Object::new();
    for name in regex.capture_names().flatten() {
        if let Some(found) = captures.name(name) {
            object.text(name, found.as_str());
        }
    }
    Some(object)
}

export_filter!(Parse, Parse::new);

#[cfg(test)]
mod tests;
