//! One line of a log file, understood: what decoders give and `partial` joins. It borrows its text from
//! the chunk that was read.

use crate::record::{Form, Stream};

/// The text of a line that ends here: containerd cuts a return before the newline, CRI-O leaves it. At the
/// end of a piece a return is text, unless the line turns out to end there.
#[inline]
#[must_use]
pub fn without_return(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r").unwrap_or(text)
}

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
