//! Reads JSON into the author's struct, and names the key that is wrong by its path.
//!
//! Of our own, because it is a third of a small module otherwise: a library for JSON brings along how to
//! print a number that stands where none belongs. The agent made the JSON, so it is well formed; what is
//! not is an error nevertheless.

mod deserialize;
mod reader;

use std::fmt::{Display, Write};

use serde::de::{self, DeserializeOwned, Expected, Unexpected};

use reader::Reader;

/// What does not fit, and where.
#[derive(Debug)]
pub(crate) struct Error {
    /// `limits.lines[2]`; empty for the whole.
    pub(crate) path: String,
    pub(crate) cause: String,
}

/// Reads a text that is one value.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    let mut reader = Reader {
        json,
        at: 0,
        depth: 0,
    };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.broken()),
    }
}

impl Error {
    #[cold]
    fn within(mut self, step: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path.insert_str(0, joint);
        self.path.insert_str(0, step);
        self
    }
}

impl Display for Error {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.cause)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(cause: T) -> Self {
        let (path, cause) = (String::new(), cause.to_string());
        Self { path, cause }
    }

    // serde's own would print numbers with a fraction, which is most of what formatting is.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch("type", found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        mismatch("value", found, expected)
    }
}

#[cold]
fn mismatch(what: &str, found: Unexpected<'_>, expected: &dyn Expected) -> Error {
    let mut cause = format!("invalid {what}: ");
    // Writing to a string does not fail.
    let _ = match found {
        Unexpected::Bool(is) => write!(cause, "boolean `{is}`"),
        Unexpected::Unsigned(number) => write!(cause, "integer `{number}`"),
        Unexpected::Signed(number) => write!(cause, "integer `{number}`"),
        Unexpected::Str(text) => write!(cause, "string `{text}`"),
        Unexpected::Unit => write!(cause, "null"),
        Unexpected::Seq => write!(cause, "list"),
        Unexpected::Map => write!(cause, "map"),
        Unexpected::Float(_) => write!(cause, "{FRACTION}"),
        Unexpected::Other(other) => write!(cause, "{other}"),
        _ => write!(cause, "value"),
    };
    let _ = write!(cause, ", expected {expected}");
    de::Error::custom(cause)
}

const FRACTION: &str = "number with a fraction";

#[cfg(test)]
mod tests;
