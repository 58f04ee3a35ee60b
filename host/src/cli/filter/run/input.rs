//! Where records come from: lines of a file or of standard input, decoded as the agent decodes a node's
//! log files. A line that is in none of their formats is a record as it is.

use std::io::Read;
use std::path::Path;

use anyhow::Context;

use crate::clock::Clock;
use crate::record::{Batch, Facts, FileId};
use crate::source::container_log::path;
use crate::source::log_file::decode::{Decoder, Format, Piece, PieceHead, Place};
use crate::source::log_file::partial::Partials;

/// Bytes read at once, and the longest line that is not taken in pieces.
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest record, as the agent has it by default.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

pub struct Input {
    pub name: String,
    pub facts: Facts,
    from: Box<dyn Read>,
    decoder: Decoder,
    partials: Partials,
    chunk: Vec<u8>,
    /// What of the chunk was read and is not decoded.
    filled: usize,
    ended: bool,
    /// Offset of the chunk's first byte.
    at: u64,
    /// The line in hand is longer than a chunk.
    long_line: Option<PieceHead>,
    bytes_read: u64,
    now: u64,
}

impl Input {
    pub fn stdin(facts: &Facts) -> Self {
        Self::new(
            "standard input".into(),
            facts.clone(),
            Box::new(std::io::stdin()),
        )
    }

    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path, given: &Facts) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).with_context(|| format!("input `{name}`"))?;
        let from: Box<dyn Read> = match path.extension() {
            Some(gz) if gz == "gz" => Box::new(flate2::read::MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut facts = from_path(path).unwrap_or_default();
        facts.extend(given.clone());
        Ok(Self::new(name, facts, from))
    }

    fn new(name: String, facts: Facts, from: Box<dyn Read>) -> Self {
        Self {
            name,
            facts,
            from,
            decoder: Decoder::default(),
            partials: Partials::new(RECORD_BYTES_MAX),
            chunk: vec![0; CHUNK_BYTES],
            filled: 0,
            ended: false,
            at: 0,
            long_line: None,
            bytes_read: 0,
            now: Clock::start().now().wall,
        }
    }

    /// Adds the records that come next, at most a batch of them; false when they are the last.
    ///
    /// # Errors
    /// When reading fails.
    pub fn fill(&mut self, batch: &mut Batch) -> std::io::Result<bool> {
        if self.decode(batch) == 0 && !self.ended {
            self.read()?;
            self.decode(batch);
        }
        let more = !self.ended || self.filled > 0;
        if !more {
            let columns = &mut batch.columns;
            let receipt = &mut batch.receipt;
            let mut source = columns.source_bytes();
            self.partials.flush(&mut |joined| {
                for range in joined.ranges.drain(..) {
                    source += u32::try_from(range.to - range.from).unwrap_or(u32::MAX);
                    receipt.add(range);
                }
                columns.push(joined.text, joined.time, joined.stream, source);
            });
        }
        Ok(more)
    }

    /// Bytes read since it was last asked.
    pub fn take_bytes_read(&mut self) -> u64 {
        std::mem::take(&mut self.bytes_read)
    }

    fn read(&mut self) -> std::io::Result<()> {
        let count = loop {
            match self.from.read(&mut self.chunk[self.filled..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.ended = count == 0;
        self.filled += count;
        self.bytes_read += count as u64;
        Ok(())
    }

    /// Decodes what is there; says how many bytes are done with.
    fn decode(&mut self, batch: &mut Batch) -> usize {
        let place = Place {
            file: FileId(1),
            at: self.at,
            format: Format::Container,
            now: self.now,
            untimed: self.now,
        };
        let bytes = &self.chunk[..self.filled];
        let (columns, receipt) = (&mut batch.columns, &mut batch.receipt);
        let mut done = 0;
        if self.long_line.is_none() {
            let decoded = self
                .decoder
                .decode(bytes, place, &mut self.partials, columns, receipt);
            done = decoded.consumed;
        }
        let newline = memchr::memchr(b'\n', bytes);
        let is_long = self.long_line.is_some() || self.filled == self.chunk.len() || self.ended;
        if done == 0 && is_long && !bytes.is_empty() {
            let piece = Piece {
                bytes: &bytes[..newline.map_or(bytes.len(), |n| n + 1)],
                head: self.long_line.take(),
                last: self.ended,
            };
            let (head, decoded) =
                self.decoder
                    .decode_piece(piece, place, &mut self.partials, columns, receipt);
            self.long_line = (newline.is_none() && !self.ended).then_some(head);
            done = decoded.consumed;
        }
        self.chunk.copy_within(done..self.filled, 0);
        self.filled -= done;
        self.at += done as u64;
        done
    }
}

/// What a path like the kubelet's says about the container.
fn from_path(path: &Path) -> Option<Facts> {
    let path = path.canonicalize().ok()?;
    let file = path::file_name(path.file_name()?.to_str()?)?;
    let folder = path.parent()?;
    let container = folder.file_name()?.to_str()?;
    let pod = path::pod_folder(folder.parent()?.file_name()?.to_str()?)?;
    let facts = [
        ("k8s.namespace.name", pod.namespace),
        ("k8s.pod.name", pod.pod),
        ("k8s.pod.uid", pod.uid),
        ("k8s.container.name", container),
        ("k8s.container.restart_count", &file.restart.to_string()),
    ];
    Some(
        facts
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    )
}
