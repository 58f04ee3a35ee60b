//! Containers that print much: numbered records whose text follows from their number, written many at
//! a time, so that millions can be checked without keeping one.

use super::Container;
use super::cri::{self, Stream, Tag};

/// Shortest and longest text of a poured record, bytes.
const SHORTEST: usize = 90;
const LONGEST: usize = 220;

/// The text of a poured record: always the same for the same numbers.
pub fn poured_text(container: usize, number: usize) -> String {
    let mut text = super::token(container, number);
    let length = SHORTEST + number.wrapping_mul(37) % (LONGEST - SHORTEST);
    let mut letter = number % 26;
    text.push(' ');
    while text.len() < length {
        text.push(char::from(b'a' + letter as u8));
        letter = (letter + 1) % 26;
    }
    text
}

impl Container {
    /// Prints numbered records of about so many bytes of log to stdout, in one write. They are not
    /// remembered one by one: see [`poured`](Container::poured).
    pub fn pour(&mut self, bytes: usize) {
        let mut out = Vec::with_capacity(bytes + LONGEST + 64);
        while out.len() < bytes {
            let text = poured_text(self.number, self.next);
            cri::line(
                &mut out,
                self.clock.read(),
                Stream::Stdout,
                Tag::Full,
                text.as_bytes(),
            );
            self.next += 1;
        }
        self.write_raw(&out);
    }

    /// How many records were printed by number, if all of them were poured.
    pub fn poured(&self) -> usize {
        self.next
    }
}
