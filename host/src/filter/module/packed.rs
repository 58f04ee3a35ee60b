//! How a module's file is packed, by its name, and unpacking it within a bound: a file of some
//! kilobytes may unpack to all the memory there is.

use std::io::{self, Read};

/// Bytes of a module, packed or not: what is larger is no filter, but an attack or a mistake.
pub const MODULE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// In the order in which they are looked for.
    pub const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Zstd];

    /// What a packed module's name has behind `.wasm`.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// How a file of this name is packed.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let packed = |packing: &Self| *packing != Self::None && name.ends_with(packing.suffix());
        Self::ALL.into_iter().find(packed).unwrap_or(Self::None)
    }

    /// The module's own bytes.
    ///
    /// # Errors
    /// When the bytes are not packed so, or there are more than [`MODULE_BYTES_MAX`].
    pub fn unpack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::None => bounded(&mut bytes.as_slice(), bytes.len()),
            Self::Gzip => bounded(&mut flate2::read::GzDecoder::new(bytes.as_slice()), 0),
            Self::Zstd => bounded(&mut zstd::stream::read::Decoder::new(bytes.as_slice())?, 0),
        }
    }
}

/// Reads all, at most [`MODULE_BYTES_MAX`].
pub fn bounded(from: &mut dyn Read, expected: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected.min(MODULE_BYTES_MAX));
    let read = from
        .take(MODULE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    if read > MODULE_BYTES_MAX {
        let mib = MODULE_BYTES_MAX >> 20;
        let why = format!("it is larger than {mib} MiB, which no module may be");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn a_packed_module_is_what_it_was() {
        let module = b"\0asm and more".to_vec();
        let zstd = zstd::encode_all(module.as_slice(), 1).unwrap();
        for (packing, bytes) in [
            (Packing::None, module.clone()),
            (Packing::Gzip, gzip(&module)),
            (Packing::Zstd, zstd),
        ] {
            let name = format!("f.wasm{}", packing.suffix());
            assert_eq!(Packing::of(&name), packing);
            assert_eq!(packing.unpack(bytes).unwrap(), module);
        }
    }

    #[test]
    fn a_module_that_unpacks_to_too_much_is_refused() {
        let bomb = vec![0; MODULE_BYTES_MAX + 1];
        let zstd = zstd::encode_all(bomb.as_slice(), 1).unwrap();
        for (packing, bytes) in [(Packing::Gzip, gzip(&bomb)), (Packing::Zstd, zstd)] {
            assert!(bytes.len() < bomb.len() / 100);
            let refused = packing.unpack(bytes).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[test]
    fn a_torn_packed_module_is_refused() {
        let zstd = zstd::encode_all([7; 5000].as_slice(), 1).unwrap();
        for (packing, bytes) in [(Packing::Gzip, gzip(&[7; 5000])), (Packing::Zstd, zstd)] {
            packing
                .unpack(bytes[..bytes.len() - 1].to_vec())
                .unwrap_err();
            packing.unpack(b"\0asm".to_vec()).unwrap_err();
        }
    }
}
