//! Records as tests write them, and as they come out.
//!
//! Most tests care for the text alone: so a string is a record, and a record that came out equals
//! any string or bytes that are its text.

use std::fmt;

use crate::Stream;

/// A record to show to a filter. Strings and bytes are one by themselves.
#[derive(Clone, Debug)]
pub struct Input {
    pub(super) text: Vec<u8>,
    pub(super) time: Option<u64>,
    pub(super) stream: Stream,
}

impl Input {
    /// A record of `stdout`. Records without a time are a millisecond apart, the first of them at
    /// the beginning of 2026.
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self {
            text: text.into(),
            time: None,
            stream: Stream::Stdout,
        }
    }

    /// When it was written: nanoseconds since the Unix epoch.
    pub fn time(self, time: u64) -> Self {
        Self {
            time: Some(time),
            ..self
        }
    }

    /// Which output it was written to.
    pub fn stream(self, stream: Stream) -> Self {
        Self { stream, ..self }
    }
}

impl<T: Into<Vec<u8>>> From<T> for Input {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// A record as it would be forwarded. Equal to a string or to bytes with the same text.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// Its text.
    pub text: Vec<u8>,
    /// Its time: nanoseconds since the Unix epoch.
    pub time: u64,
    /// The output that it was written to.
    pub stream: Stream,
    /// The destination that the filter chose for it, if any.
    pub route: Option<String>,
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Output
where
    T: Text,
{
    fn eq(&self, text: &T) -> bool {
        self.text == text.as_ref()
    }
}

/// What an [`Output`] compares with.
pub trait Text {}
impl Text for str {}
impl Text for &str {}
impl Text for String {}
impl Text for [u8] {}
impl Text for &[u8] {}
impl Text for Vec<u8> {}
impl<const N: usize> Text for [u8; N] {}
impl<const N: usize> Text for &[u8; N] {}

/// Shows the text as a string, and what else was changed.
impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.text.escape_ascii())?;
        if self.stream == Stream::Stderr {
            write!(out, " (stderr)")?;
        }
        self.route
            .as_ref()
            .map_or(Ok(()), |route| write!(out, " -> {route}"))
    }
}
