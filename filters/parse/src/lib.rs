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
mod time;

use logsieve_filter::{Filter, Record, export_filter, report};
use regex_lite::Regex;

pub use settings::Settings;
use settings::{Form, Otherwise, Time};
use time::Format;

/// The filter.
pub struct Parse {
    forms: Vec<Parser>,
    otherwise: Otherwise,
    keep: Option<String>,
    numbers: Vec<String>,
    time: Option<Timed>,
}

/// Where a record says when it was written, and how.
struct Timed {
    field: String,
    format: Format,
    offset: i64,
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
            numbers: settings.numbers,
            time: settings.time.map(timed).transpose()?,
        })
    }
}

fn timed(time: Time) -> Result<Timed, String> {
    let format = Format::new(&time.format).map_err(|why| format!("`time.format`: {why}"))?;
    let offset = match &time.offset {
        None => 0,
        Some(text) => match time::offset(text) {
            Some((seconds, "")) => seconds,
            _ => return Err(format!("`time.offset`: `{text}` is not like `+02:00`")),
        },
    };
    let field = time.field;
    Ok(Timed {
        field,
        format,
        offset,
    })
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
            Parser::Regex(regex) => groups(regex, &text, &self.numbers),
        });
        match parsed {
            Some(mut object) => {
                if let Some(name) = &self.keep {
                    object.text(name, &text);
                }
                let object = object.finish();
                self.set_time(record, &object);
                record.replace(object);
            }
            None if json::is_object(&text) => self.set_time(record, &text),
            None => self.leave(record, &text),
        }
    }
}

impl Parse {
    /// A record whose field says no time keeps its own, and is counted.
    fn set_time(&self, record: &mut Record<'_>, object: &str) {
        let Some(time) = &self.time else { return };
        let said = common::field::field(object.as_bytes(), &time.field);
        let said = said.and_then(|said| std::str::from_utf8(said).ok());
        match said.and_then(|said| time.format.read(said, record.time(), time.offset)) {
            Some(nanos) => record.set_time(nanos),
            None => report::count("no_time", 1),
        }
    }

    fn leave(&self, record: &mut Record<'_>, text: &str) {
        match &self.otherwise {
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
fn groups(regex: &Regex, text: &str, numbers: &[String]) -> Option<json::Object> {
    let captures = regex.captures(text)?;
    let mut object = json::Object::new();
    for name in regex.capture_names().flatten() {
        match captures.name(name) {
            Some(found) if numbers.iter().any(|number| number == name) => {
                object.number(name, found.as_str());
            }
            Some(found) => object.text(name, found.as_str()),
            None => {}
        }
    }
    Some(object)
}

export_filter!(Parse, Parse::new);

#[cfg(test)]
mod tests;
