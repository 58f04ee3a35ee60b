//! Memory of bodies: small pieces, so that what is held is what was written.
//!
//! A node has thousands of streams, most of them quiet: so the first piece of a body is small, and each
//! further one as large as what is there already, until they are large enough to come from a pool.
//! They are hashed and sent as they are, never gathered into one run of bytes, which would cost a
//! copy, and the page faults of a fresh megabyte. An event never lies in two pieces.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// What a body's first piece holds; most streams of a node never need more at a time.
const FIRST_BYTES: usize = 4 * 1024;
/// What the others hold; one event may be larger.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that wait to be used again: those of eight full requests.
const POOLED_MAX: usize = 160;

/// Pieces to be filled again, shared by a packer and whoever sends for it.
#[derive(Debug, Clone, Default)]
pub struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    fn take(&self, bytes: usize) -> Vec<u8> {
        if bytes <= PIECE_BYTES
            && let Some(piece) = self.0.lock().ok().and_then(|mut pieces| pieces.pop())
        {
            return piece;
        }
        Vec::with_capacity(bytes.max(PIECE_BYTES))
    }

    fn give(&self, given: impl Iterator<Item = Vec<u8>>) {
        let Ok(mut pieces) = self.0.lock() else {
            return;
        };
        for mut piece in given.filter(|piece| piece.capacity() == PIECE_BYTES) {
            if pieces.len() < POOLED_MAX {
                piece.clear();
                pieces.push(piece);
            }
        }
    }

    /// Lets go of what waits: nothing is being packed.
    pub fn shed(&self) {
        if let Ok(mut pieces) = self.0.lock() {
            *pieces = Vec::new();
        }
    }
}

/// Bytes in pieces that are being written; they go back to the pool when it is dropped.
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
        if self.spare(bytes).is_none() {
            self.open(bytes);
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// The piece at hand, if it has room for `bytes`.
    #[inline]
    pub fn spare(&mut self, bytes: usize) -> Option<&mut Vec<u8>> {
        let piece = self.pieces.last_mut()?;
        (piece.capacity() - piece.len() >= bytes).then_some(piece)
    }

    #[cold]
    fn open(&mut self, bytes: usize) {
        let size = bytes.max(self.allocated()).max(FIRST_BYTES);
        self.pieces.push(match size < PIECE_BYTES {
            true => Vec::with_capacity(size),
            false => self.pool.take(bytes),
        });
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

    /// Nothing more is written, but for the last byte, which is taken off.
    #[must_use]
    pub fn seal(mut self) -> Sealed {
        // What the last one held may have been taken out.
        let pieces = self.pieces.drain(..).filter(|piece| !piece.is_empty());
        let mut pieces: Vec<Bytes> = pieces.map(Bytes::from).collect();
        trim(&mut pieces);
        let pool = self.pool.clone();
        Sealed { pieces, pool }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.pool.give(self.pieces.drain(..));
    }
}

/// Bytes in pieces that are not written any more, shared with whoever sends them. The pieces go back
/// to the pool when the last is done with them.
#[derive(Debug)]
pub struct Sealed {
    pieces: Vec<Bytes>,
    pool: Pool,
}

impl Sealed {
    pub fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// The first `bytes` bytes but for the last of them, and the rest; copies nothing.
    #[must_use]
    pub fn split_at(&self, bytes: usize) -> (Self, Self) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut left = bytes;
        for piece in &self.pieces {
            let here = left.min(piece.len());
            first.push(piece.slice(..here));
            second.push(piece.slice(here..));
            left -= here;
        }
        for part in [&mut first, &mut second] {
            part.retain(|piece| !piece.is_empty());
        }
        trim(&mut first);
        let of = |pieces| Self {
            pieces,
            pool: self.pool.clone(),
        };
        (of(first), of(second))
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let alone = |piece: Bytes| piece.try_into_mut().ok().map(Vec::from);
        self.pool.give(self.pieces.drain(..).filter_map(alone));
    }
}

/// Takes the last byte off.
fn trim(pieces: &mut [Bytes]) {
    if let Some(last) = pieces.last_mut() {
        last.truncate(last.len().saturating_sub(1));
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
        pieces.room(100_000).extend_from_slice(&[b'c'; 100_000]);
        assert_eq!(pieces.allocated(), FIRST_BYTES + 100_000);
        pieces.room(100).extend_from_slice(&[b'a'; 100]);
        assert_eq!(pieces.allocated(), FIRST_BYTES + 100_000 + PIECE_BYTES);
        assert_eq!(pieces.len(), 100_200);
    }

    /// A hundred streams of one log group would otherwise use up its share of the budget with what
    /// they may write, and not with what they wrote.
    #[test]
    fn a_stream_never_holds_twice_what_was_written_and_a_little() {
        let mut pieces = Pieces::new(Pool::default());
        while pieces.len() < PIECE_BYTES {
            pieces.room(200).extend_from_slice(&[b'a'; 200]);
            assert!(pieces.allocated() <= 2 * pieces.len() + FIRST_BYTES);
        }
    }

    #[test]
    fn pieces_are_used_again_when_the_last_is_done_with_them() {
        let pool = Pool::default();
        let mut pieces = Pieces::new(pool.clone());
        pieces.room(PIECE_BYTES).extend_from_slice(b"abc,");
        let sealed = pieces.seal();
        let sent = sealed.iter().next().unwrap().clone();
        assert_eq!(sent, "abc");
        let at = sent.as_ptr();
        drop(sent);
        drop(sealed);
        let again = pool.take(10);
        assert_eq!(again.as_ptr(), at);
        // One that is sent still is not written over.
        let mut pieces = Pieces::new(pool.clone());
        pieces.room(PIECE_BYTES).extend_from_slice(b"def,");
        let sealed = pieces.seal();
        let sent = sealed.iter().next().unwrap().clone();
        drop(sealed);
        let another = pool.take(10);
        assert_ne!(another.as_ptr(), sent.as_ptr());
    }

    #[test]
    fn an_idle_pool_holds_nothing() {
        let pool = Pool::default();
        pool.give(std::iter::once(Vec::with_capacity(PIECE_BYTES)));
        assert_eq!(pool.0.lock().unwrap().len(), 1);
        pool.shed();
        assert!(pool.0.lock().unwrap().is_empty());
    }

    #[test]
    fn sealed_pieces_are_split_over_their_edges() {
        let mut pieces = Pieces::new(Pool::default());
        pieces.room(10).extend_from_slice(b"01234,");
        pieces.room(FIRST_BYTES).extend_from_slice(b"5678,");
        let sealed = pieces.seal();
        let all = |of: &Sealed| of.iter().flatten().copied().collect::<Vec<u8>>();
        assert_eq!(all(&sealed), b"01234,5678");
        for (at, first, second) in [
            (3, "01", "34,5678"),
            (6, "01234", "5678"),
            (8, "01234,5", "78"),
            (0, "", "01234,5678"),
        ] {
            let (a, b) = sealed.split_at(at);
            assert_eq!((all(&a), all(&b)), (first.into(), second.into()), "{at}");
        }
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
