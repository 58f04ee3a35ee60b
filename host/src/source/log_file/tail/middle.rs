//! Reading goes on in the middle of something: within a line that is longer than any chunk, or between two
//! pieces of a record that the runtime split. What follows has the line's time and stream, and is the
//! rest of a record. After a restart of the agent only the file itself can tell.

use std::io;

use super::{LAST_BYTES, LongLine, Tail};
use crate::source::log_file::decode::{Decoder, Format, PieceHead};

/// The head of a line is shorter.
const LINE_HEAD_BYTES: usize = 256;
/// So much is read at once in search of where a line starts.
const SEARCH_BYTES: usize = 16 * 1024;

impl Tail {
    /// Where reading goes on within a line, as after a restart of the agent, finds out whose rest it
    /// is: the rest has the line's time and stream. Says by stream whether what comes next is the rest
    /// of a record, where a look back shows it. `now`: the time of a line that carries none.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn find_line(
        &mut self,
        decoder: &mut Decoder,
        format: Format,
        now: u64,
    ) -> io::Result<[Option<bool>; 2]> {
        let mut rest = [None; 2];
        if !self.unsure {
            return Ok(rest);
        }
        if self.long_line.is_none() {
            let mut before = [0; LAST_BYTES];
            let from = self.offset.saturating_sub(LAST_BYTES as u64);
            let before = self.read_up_to(&mut before, from)?;
            let newline = memchr::memrchr(b'\n', before);
            let start = match newline {
                Some(newline) => from + newline as u64 + 1,
                None => self.line_start(from)?,
            };
            let lines = newline.map_or(&[][..], |newline| &before[..=newline]);
            rest = match format {
                Format::Container => unfinished(lines, from > 0, decoder),
                // No runtime splits its lines.
                Format::Plain { .. } => [Some(false); 2],
            };
            if start < self.offset {
                let mut head = [0; LINE_HEAD_BYTES];
                let read = self.file.read_at(&mut head, start)?;
                let head = decoder.head(&head[..read], format, now);
                self.goes_on(head, start, self.offset);
            }
        }
        if let Some(head) = self.long_line {
            rest[head.stream as usize] = Some(true);
        }
        self.unsure = false;
        Ok(rest)
    }

    /// What stands in front of the offset, from `from` on.
    fn read_up_to<'a>(&self, into: &'a mut [u8], from: u64) -> io::Result<&'a [u8]> {
        let len = usize::try_from(self.offset - from).unwrap_or(into.len());
        let mut read = 0;
        while read < len {
            match self
                .file
                .read_at(&mut into[read..len], from + read as u64)?
            {
                // It was cut; the next look finds that out.
                0 => break,
                n => read += n,
            }
        }
        Ok(&into[..read])
    }

    /// Where the line starts in which `to` lies. Looks back ever further, so that of a compressed file
    /// little is read twice.
    fn line_start(&self, mut to: u64) -> io::Result<u64> {
        let mut window = LAST_BYTES as u64;
        while to > 0 {
            let from = to.saturating_sub(window);
            if let Some(newline) = self.last_newline(from, to)? {
                return Ok(newline + 1);
            }
            (to, window) = (from, window * 2);
        }
        Ok(0)
    }

    fn last_newline(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut bytes = [0; SEARCH_BYTES];
        let (mut at, mut last) = (from, None);
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(SEARCH_BYTES);
            let read = self
                .file
                .read_at(&mut bytes[..most.min(SEARCH_BYTES)], at)?;
            if read == 0 {
                // It was cut; the next look finds that out.
                break;
            }
            let newline = memchr::memrchr(b'\n', &bytes[..read]);
            last = newline.map(|n| at + n as u64).or(last);
            at += read as u64;
        }
        Ok(last)
    }

    /// A piece of a long line stands at `from..to`, and the line goes on behind it.
    pub fn goes_on(&mut self, head: PieceHead, from: u64, to: u64) {
        self.long_line = Some(head);
        match &mut self.line {
            Some(line) if line.start < from && from <= line.end => line.end = line.end.max(to),
            _ => {
                self.line = Some(LongLine {
                    start: from,
                    end: to,
                    head,
                });
            }
        }
    }
}

/// By stream, whether the last of these whole lines is continued; none where it has none. `torn`: the first one lacks its start.
fn unfinished(lines: &[u8], torn: bool, decoder: &mut Decoder) -> [Option<bool>; 2] {
    let mut known = [None; 2];
    let mut to = lines.len();
    while to > 0 && known.contains(&None) {
        let end = to - 1;
        let start = match memchr::memrchr(b'\n', &lines[..end]) {
            Some(newline) => newline + 1,
            None if torn => break,
            None => 0,
        };
        if let Some(line) = decoder.line(&lines[start..end]) {
            known[line.stream as usize].get_or_insert(line.partial);
        }
        to = start;
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FileId, Stream};
    use crate::source::log_file::files::{Disk, Files};
    use std::time::Duration;

    fn tail(text: &[u8]) -> (tempfile::TempDir, Tail) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        std::fs::write(&path, text).unwrap();
        let file = Disk.open(&path).unwrap();
        let stat = file.stat().unwrap();
        (
            folder,
            Tail::new(FileId(1), file, stat, None, Duration::ZERO),
        )
    }

    /// The last lines of each stream tell, however the other stream's stand between them.
    #[test]
    fn whoever_goes_on_behind_a_piece_learns_that_it_is_the_rest() {
        let line = |stream: &str, tag: &str| format!("1970-01-01T00:00:01Z {stream} {tag} x\n");
        let cases = [
            (line("stdout", "P"), [Some(true), None]),
            (
                line("stdout", "P") + &line("stderr", "F"),
                [Some(true), Some(false)],
            ),
            (
                line("stdout", "P") + &line("stdout", "F"),
                [Some(false), None],
            ),
            (
                line("stderr", "P") + &line("stdout", "P:x"),
                [Some(true), Some(true)],
            ),
            ("no head at all\n".to_owned(), [None, None]),
        ];
        for (lines, rest) in cases {
            let text = lines.clone() + &line("stdout", "F");
            let (_folder, mut tail) = tail(text.as_bytes());
            let mut decoder = Decoder::default();
            tail.seek(lines.len() as u64);
            assert_eq!(
                tail.find_line(&mut decoder, Format::Container, 7).unwrap(),
                rest,
                "{lines}"
            );
            assert_eq!(
                tail.find_line(&mut decoder, Format::Container, 7).unwrap(),
                [None; 2]
            );
        }
    }

    #[test]
    fn whoever_goes_on_within_a_line_learns_whose_it_is() {
        let first = b"1970-01-01T00:00:01Z stdout F short\n";
        let mut text = first.to_vec();
        text.extend_from_slice(b"1970-01-01T00:00:02Z stderr P ");
        text.resize(100_000, b'x');
        text.push(b'\n');
        let (_folder, mut tail) = tail(&text);
        let mut decoder = Decoder::default();
        tail.seek(90_000);
        let rest = tail.find_line(&mut decoder, Format::Container, 7).unwrap();
        assert_eq!(rest, [None, Some(true)]);
        let head = tail.long_line.unwrap();
        assert_eq!(
            (head.time, head.stream, head.partial),
            (2_000_000_000, Stream::Stderr, true)
        );
        for start in [0, first.len() as u64, text.len() as u64] {
            tail.seek(start);
            tail.find_line(&mut decoder, Format::Container, 7).unwrap();
            assert_eq!(tail.long_line, None, "{start} is the start of a line");
        }
    }

    /// Its content was cut away and written anew before anybody had seen that.
    #[test]
    fn a_look_back_at_what_took_the_place_of_a_line_is_repeated_in_the_copy() {
        let (_copied, copy) = tail(b"one\ntwo\n");
        let (folder, mut tail) = tail(b"one\ntwo\n");
        let (mut decoder, plain) = (Decoder::default(), Format::Plain { zone: 0 });
        tail.seek(4);
        std::fs::write(folder.path().join("0.log"), b"something else\n").unwrap();
        let rest = tail.find_line(&mut decoder, plain, 7).unwrap();
        assert!(rest.contains(&Some(true)) && tail.long_line.is_some());
        tail.go_on_in(copy);
        assert_eq!(
            tail.find_line(&mut decoder, plain, 7).unwrap(),
            [Some(false); 2]
        );
        assert_eq!((tail.offset(), tail.long_line), (4, None));
    }
}
