//! What stands in a piece of data, uncompressed. journald has used three compressions over the years, and
//! a node that was upgraded has files of each.
//!
//! zstd is the agent's own (modules come in it as well); lz4 and xz are decoders in plain Rust, as
//! neither is worth a C library for old files. Output and memory are bounded whatever the input says.

use std::io::Read;

use lzma_rust2::XzReader;
use zstd::bulk::Decompressor;
use zstd::stream::read::Decoder;

use super::format::{Compression, u64_at};

/// Longest field that is read, bytes. What is longer is cut here, and marked.
pub const FIELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// journald's dictionary is 1 MiB; a damaged file may name any.
const XZ_MEMORY_KIB: u32 = 10 * 1024;
/// The window of zstd, as a power of two: 8 MiB, the most that a decoder is expected to have.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Decompresses one payload after another.
#[derive(Default)]
pub struct Unpacker {
    zstd: Option<Decompressor<'static>>,
    out: Vec<u8>,
}

impl Unpacker {
    /// The bytes that were compressed, at most one more than [`FIELD_BYTES_MAX`]; none where they are
    /// damaged.
    pub fn unpack(&mut self, compression: Compression, bytes: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        match compression {
            Compression::None => self.out.extend_from_slice(bytes),
            Compression::Zstd => self.zstd(bytes)?,
            Compression::Lz4 => self.lz4(bytes)?,
            Compression::Xz => {
                let reader = XzReader::new_mem_limit(bytes, false, XZ_MEMORY_KIB);
                read_most(reader, &mut self.out)?;
            }
        }
        Some(&self.out)
    }

    fn zstd(&mut self, bytes: &[u8]) -> Option<()> {
        let len = Decompressor::upper_bound(bytes).filter(|len| *len <= FIELD_BYTES_MAX);
        let Some(len) = len else {
            let mut decoder = Decoder::with_buffer(bytes).ok()?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).ok()?;
            return read_most(decoder, &mut self.out);
        };
        if self.zstd.is_none() {
            self.zstd = Decompressor::new().ok();
        }
        self.out.reserve(len);
        let zstd = self.zstd.as_mut()?;
        zstd.decompress_to_buffer(bytes, &mut self.out).ok()?;
        Some(())
    }

    /// A block cannot be decompressed in part, so what is too long is not read at all.
    fn lz4(&mut self, bytes: &[u8]) -> Option<()> {
        let len = usize::try_from(u64_at(bytes, 0)).ok()?;
        if len > FIELD_BYTES_MAX {
            return None;
        }
        self.out.resize(len, 0);
        let block = bytes.get(8..)?;
        let read = lz4_flex::block::decompress_into(block, &mut self.out).ok()?;
        self.out.truncate(read);
        Some(())
    }
}

fn read_most(reader: impl Read, out: &mut Vec<u8>) -> Option<()> {
    let most = FIELD_BYTES_MAX as u64 + 1;
    reader.take(most).read_to_end(out).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded_whatever_the_input_says() {
        let zeros = vec![0; 3 * FIELD_BYTES_MAX];
        let packed = zstd::bulk::compress(&zeros, 1).unwrap();
        let mut unpacker = Unpacker::default();
        let out = unpacker.unpack(Compression::Zstd, &packed).unwrap();
        assert_eq!(out.len(), FIELD_BYTES_MAX + 1);
        let mut lz4 = u64::MAX.to_le_bytes().to_vec();
        lz4.extend_from_slice(&lz4_flex::block::compress(&zeros));
        assert_eq!(unpacker.unpack(Compression::Lz4, &lz4), None);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut unpacker = Unpacker::default();
        for compression in [Compression::Zstd, Compression::Lz4, Compression::Xz] {
            assert_eq!(unpacker.unpack(compression, b""), None, "{compression:?}");
            let noise: Vec<u8> = (0..200_u8).map(|b| b.wrapping_mul(73)).collect();
            assert_eq!(
                unpacker.unpack(compression, &noise),
                None,
                "{compression:?}"
            );
        }
    }
}
