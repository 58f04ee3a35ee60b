//! One line of a log file, understood: what decoders give and `partial` joins. It borrows its text from
//! the chunk that was read.

use crate::record::{Form, Stream};

/// One line, understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    pub stream: Stream,
    pub form: Form,
    /// More of this line follows in the next one of its stream.
    pub partial: bool,
    pub text: &'a [u8],
}
