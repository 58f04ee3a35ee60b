//! How large a module is, raw and compressed, and where it fits: a ConfigMap holds 1 MiB over all its
//! keys together, of decoded bytes.

use std::fmt;
use std::io::Write;

/// What a ConfigMap holds, bytes.
const CONFIG_MAP_BYTES: usize = 1024 * 1024;
/// Larger modules are compressed with less zeal: it would take a minute.
const ZEAL_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Compression {
    Gz,
    Zst,
}

impl Compression {
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gz => "gz",
            Self::Zst => "zst",
        }
    }

    /// # Errors
    /// When the compressor fails.
    pub fn compress(self, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gz => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                to.write_all(bytes)?;
                to.finish()
            }
            Self::Zst => zstd::encode_all(bytes, if bytes.len() > ZEAL_BYTES { 12 } else { 19 }),
        }
    }
}

/// Bytes of a module.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub raw: usize,
    pub gz: usize,
    pub zst: usize,
}

impl Size {
    /// # Errors
    /// When a compressor fails.
    pub fn of(bytes: &[u8]) -> std::io::Result<Self> {
        Ok(Self {
            raw: bytes.len(),
            gz: Compression::Gz.compress(bytes)?.len(),
            zst: Compression::Zst.compress(bytes)?.len(),
        })
    }

    /// How it can be shipped.
    #[must_use]
    pub fn advice(&self) -> String {
        let kib = |bytes: usize| bytes.div_ceil(1024);
        if self.raw <= CONFIG_MAP_BYTES {
            let times = CONFIG_MAP_BYTES / self.raw.max(1);
            let often = if times > 1 {
                format!(", {times} times over")
            } else {
                String::new()
            };
            return format!("it fits a ConfigMap (1 MiB){often}");
        }
        if self.zst.min(self.gz) <= CONFIG_MAP_BYTES {
            return format!(
                "it fits a ConfigMap (1 MiB) when it is compressed, with {} KiB: `--compress zst`",
                kib(self.zst.min(self.gz))
            );
        }
        format!(
            "it fits no ConfigMap (1 MiB): compressed it is {} KiB; ship it in an image volume, or in \
             several ConfigMaps: `--split`",
            kib(self.zst.min(self.gz))
        )
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [raw, gz, zst] = [self.raw, self.gz, self.zst].map(grouped);
        write!(out, "{raw} bytes (gzip {gz}, zstd {zst})")
    }
}

/// `1,234,567`
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_says_where_it_fits() {
        let of = |raw, gz, zst| Size { raw, gz, zst }.advice();
        assert_eq!(
            of(20_000, 1, 1),
            "it fits a ConfigMap (1 MiB), 52 times over"
        );
        assert!(of(2_000_000, 900_000, 800_000).contains("with 782 KiB: `--compress zst`"));
        assert!(of(9_000_000, 6_000_000, 5_000_000).starts_with("it fits no ConfigMap"));
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
    }
}
