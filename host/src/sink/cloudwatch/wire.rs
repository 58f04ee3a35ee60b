//! Bodies as they go over the wire: in the pieces that they were written in. The hash of one, which the
//! signature needs, is taken once, however often it is sent.
//!
//! Bodies may be compressed: Amazon's own agent sends its own so, but the API's documentation does not
//! say that it may, so it is off unless asked for. It costs more CPU than it saves in hashing, and
//! pays off where traffic out of the VPC is what costs money.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http_body::{Frame, SizeHint};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::body::Body;
use crate::record::hex;

/// What is done to bodies on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    None,
    Gzip,
}

/// How one destination's requests go over the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    pub compression: Compression,
    /// The header that has metrics extracted from records in the embedded metric format.
    pub emf: bool,
}

impl Wire {
    /// A body as it is sent; the same for every try.
    #[must_use]
    pub fn encode(self, body: &Body) -> Encoded {
        Encoded::new(match self.compression {
            Compression::None => body.pieces().collect(),
            Compression::Gzip => vec![compressed(body)],
        })
    }

    /// Says so in a request's headers.
    pub fn mark(self, headers: &mut Headers) {
        if self.compression == Compression::Gzip {
            headers.insert("content-encoding", "gzip");
        }
        if self.emf {
            headers.insert("x-amzn-logs-format", "json/emf");
        }
    }
}

fn compressed(body: &Body) -> Bytes {
    let mut to = GzEncoder::new(Vec::new(), Level::fast());
    // Writing to memory does not fail.
    let written = body.pieces().try_for_each(|piece| to.write_all(&piece));
    written
        .and_then(|()| to.finish())
        .unwrap_or_default()
        .into()
}

/// Bytes that are ready to be sent, with what signing needs of them.
#[derive(Debug)]
pub struct Encoded {
    pieces: Arc<[Bytes]>,
    bytes: u64,
    /// In hex.
    sha256: String,
}

impl Encoded {
    pub(super) fn new(pieces: Vec<Bytes>) -> Self {
        let mut hash = Sha256::new();
        pieces.iter().for_each(|piece| hash.update(piece));
        Self {
            bytes: pieces.iter().map(|piece| piece.len() as u64).sum(),
            sha256: hex(&hash.finalize()),
            pieces: pieces.into(),
        }
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its hash, in hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    #[must_use]
    pub fn body(&self) -> SdkBody {
        let pieces = self.pieces.clone();
        let (next, left) = (0, self.bytes);
        SdkBody::from_body_1_x(Streamed { pieces, next, left })
    }
}

/// A body that goes out piece by piece.
struct Streamed {
    pieces: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(piece) = self.pieces.get(self.next).cloned() else {
            return Poll::Ready(None);
        };
        self.next += 1;
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.next == self.pieces.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::{Framer, Open, To};
    use super::super::order::{Flights, Spans};
    use super::super::pieces::Pool;
    use super::*;
    use crate::record::Budget;
    use std::io::Read;

    fn body(messages: u16) -> Body {
        let mut open = Open::new(&Budget::new(1 << 30).share(), Pool::default());
        let mut framer = Framer::default();
        for time_ms in 0..i64::from(messages) {
            open.push(time_ms, 10, 10, &mut framer, |out| {
                out.extend_from_slice(b"some words")
            });
        }
        let to = To {
            group: "g".into(),
            stream: "s".into(),
            entity: None,
        };
        let departure = Flights::default().depart(Spans::default());
        open.seal(to, departure).body
    }

    #[test]
    fn a_body_is_hashed_as_it_is_sent() {
        let body = body(10_000);
        for compression in [Compression::None, Compression::Gzip] {
            let emf = false;
            let sent = Wire { compression, emf }.encode(&body);
            let run = sent.pieces.concat();
            let hash = Sha256::digest(&run);
            assert_eq!(
                (&*sent.sha256, sent.bytes),
                (&*hex(&hash), run.len() as u64)
            );
        }
    }

    #[test]
    fn a_compressed_body_reads_back_the_same() {
        let wire = Wire {
            compression: Compression::Gzip,
            emf: false,
        };
        let body = body(1_000);
        let sent = wire.encode(&body);
        let sent = sent.pieces.concat();
        assert!(sent.len() < body.json().len() / 4);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&sent[..])
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, body.json());
    }
}
