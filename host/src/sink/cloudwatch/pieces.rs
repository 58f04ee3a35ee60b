//! Memory of open bodies: small pieces, so that what is held is what was written.
//!
//! A node has thousands of streams, most of them quiet: so the first piece of a body is small, and
//! the next ones come from a pool. Only a body that is on its way is gathered into one run of bytes,
//! which signing needs; such runs are pooled too, since a fresh megabyte costs its page faults each
//! time. An event never lies in two pieces.

use std::sync::{Arc, Mutex};

/// What a body's first piece holds; most streams of a node never need more at a time.
const FIRST_BYTES: usize = 4 * 1024;
/// What the others hold; one event may be larger.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait to be used again.
const POOLED_PIECES_MAX: usize = 32;
/// A run that a full body fits without growing, escapes of usual logs included.
const RUN_BYTES: usize = 1536 * 1024;
/// Runs that wait to be used again.
const POOLED_RUNS_MAX: usize = 4;

/// Buffers to be filled again, shared by a packer and whoever sends for it.
#[derive(Debug, Clone, Default)]
pub struct Pool(Arc<Mutex<Buffers>>);

#[derive(Debug, Default)]
struct Buffers {
    pieces: Vec<Vec<u8>>,
    runs: Vec<Vec<u8>>,
}

impl Pool {
    fn piece(&self, bytes: usize) -> Vec<u8> {
        if bytes <= PIECE_BYTES
            && let Some(piece) = self.0.lock().ok().and_then(|mut b| b.pieces.pop())
        {
            return piece;
        }
        Vec::with_capacity(bytes.max(PIECE_BYTES))
    }

    /// An empty run for so many bytes.
    #[must_use]
    pub fn run(&self, bytes: usize) -> Vec<u8> {
        if bytes < RUN_BYTES / 4 {
            return Vec::with_capacity(bytes);
        }
        let pooled = self.0.lock().ok().and_then(|mut b| b.runs.pop());
        let mut run = pooled.unwrap_or_else(|| Vec::with_capacity(bytes.max(RUN_BYTES)));
        run.reserve(bytes);
        run
    }

    /// Keeps a run for later, if it is of the usual size.
    pub fn give_run(&self, mut run: Vec<u8>) {
        if !(RUN_BYTES..=2 * RUN_BYTES).contains(&run.capacity()) {
            return;
        }
        run.clear();
        if let Ok(mut buffers) = self.0.lock()
            && buffers.runs.len() < POOLED_RUNS_MAX
        {
            buffers.runs.push(run);
        }
    }

    fn give_pieces(&self, pieces: Vec<Vec<u8>>) {
        let Ok(mut buffers) = self.0.lock() else {
            return;
        };
        for mut piece in pieces {
            if buffers.pieces.len() < POOLED_PIECES_MAX && piece.capacity() == PIECE_BYTES {
                piece.clear();
                buffers.pieces.push(piece);
            }
        }
    }
}

/// Bytes in pieces; they go back to the pool when it is dropped.
#[derive(Debug)]
pub struct Pieces {
    pieces: Vec<Vec<u8>>,
    pool: Pool,
}

impl Pieces {
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        let pieces = Vec::new();
        Self { pieces, pool }
    }

    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The piece that takes what is written next: at least `bytes`, if that is known rightly.
    #[inline]
    pub fn room(&mut self, bytes: usize) -> &mut Vec<u8> {
        let fits = |piece: &Vec<u8>| piece.capacity() - piece.len() >= bytes;
        if !self.pieces.last().is_some_and(fits) {
            self.open(bytes);
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    #[cold]
    fn open(&mut self, bytes: usize) {
        let first = self.pieces.is_empty() && bytes <= FIRST_BYTES;
        let piece = if first {
            Vec::with_capacity(FIRST_BYTES)
        } else {
            self.pool.piece(bytes)
        };
        self.pieces.push(piece);
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(Vec::as_slice)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Vec::is_empty)
    }

    /// What is allocated.
    #[must_use]
    pub fn allocated(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }

    /// Takes the last `bytes` bytes out.
    pub fn split_end(&mut self, bytes: usize) -> Vec<u8> {
        let mut end = Vec::with_capacity(bytes);
        let mut kept = self.len().saturating_sub(bytes);
        for piece in &mut self.pieces {
            let here = kept.min(piece.len());
            end.extend_from_slice(&piece[here..]);
            piece.truncate(here);
            kept -= here;
        }
        end
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.pool.give_pieces(std::mem::take(&mut self.pieces));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_stream_holds_four_kilobytes_and_a_busy_one_whole_pieces() {
        let mut pieces = Pieces::new(Pool::default());
        pieces.room(100).extend_from_slice(&[b'a'; 100]);
        assert_eq!(pieces.allocated(), FIRST_BYTES);
        pieces.room(5_000).extend_from_slice(&[b'b'; 5_000]);
        assert_eq!(pieces.allocated(), FIRST_BYTES + PIECE_BYTES);
        pieces.room(100_000).extend_from_slice(&[b'c'; 100_000]);
        assert_eq!(pieces.allocated(), FIRST_BYTES + PIECE_BYTES + 100_000);
        assert_eq!(pieces.len(), 105_100);
    }

    #[test]
    fn pieces_and_runs_are_used_again() {
        let pool = Pool::default();
        let mut pieces = Pieces::new(pool.clone());
        let at = pieces.room(PIECE_BYTES).as_ptr();
        drop(pieces);
        let again = pool.piece(10);
        assert_eq!(again.as_ptr(), at);
        let run = pool.run(RUN_BYTES);
        let at = run.as_ptr();
        pool.give_run(run);
        let again = pool.run(RUN_BYTES / 2);
        assert_eq!(again.as_ptr(), at);
    }

    #[test]
    fn the_end_is_taken_out_over_pieces() {
        let mut pieces = Pieces::new(Pool::default());
        pieces.room(10).extend_from_slice(b"0123456789");
        pieces.room(5_000).extend_from_slice(&[b'x'; 5_000]);
        let end = pieces.split_end(5_002);
        assert_eq!((end.len(), &end[..3]), (5_002, b"89x".as_slice()));
        assert_eq!(
            pieces.iter().flatten().copied().collect::<Vec<u8>>(),
            b"01234567"
        );
    }
}
