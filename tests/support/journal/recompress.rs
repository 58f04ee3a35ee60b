//! Journals of other times: systemd of Debian 12 compresses with zstd alone, so values of a file that is
//! not compressed are compressed anew, in place, as older systemds did: with lz4 or xz.
//!
//! An object that becomes shorter leaves a gap behind it. Readers go by offsets and do not see it;
//! `journalctl` reads such files, and says what stands in them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Xz,
    Lz4,
}

const DATA: u8 = 1;
/// Shorter values are left alone, as systemd leaves them.
const SHORTEST: usize = 80;

/// Compresses the long values of a file. Says how many.
///
/// # Errors
/// When the file cannot be changed, or `xz` fails.
pub fn recompress(path: &Path, compression: Compression) -> Result<usize> {
    let mut file = std::fs::read(path)?;
    let number = |file: &[u8], at: usize| -> Result<u64> {
        let eight = file.get(at..at + 8).context("a number past the end")?;
        Ok(u64::from_le_bytes(eight.try_into()?))
    };
    ensure!(file.starts_with(b"LPKSHHRH"), "it is no journal");
    let head = if file[12] & 16 > 0 { 72 } else { 64 };
    let mut at = usize::try_from(number(&file, 88)?)?;
    let last = usize::try_from(number(&file, 136)?)?;
    let mut changed = 0;
    while at <= last {
        let size = usize::try_from(number(&file, at + 8)?)?;
        ensure!(size >= 16, "an object without a size");
        if file[at] == DATA && file[at + 1] == 0 && size - head >= SHORTEST {
            let packed = pack(&file[at + head..at + size], compression)?;
            if packed.len() < size - head {
                file[at + head..at + head + packed.len()].copy_from_slice(&packed);
                let size = (head + packed.len()) as u64;
                file[at + 8..at + 16].copy_from_slice(&size.to_le_bytes());
                file[at + 1] = flag(compression);
                changed += 1;
            }
        }
        at += size.next_multiple_of(8);
    }
    file[12] |= flag(compression);
    std::fs::write(path, file)?;
    Ok(changed)
}

/// The same in the header and in an object.
fn flag(compression: Compression) -> u8 {
    match compression {
        Compression::Xz => 1,
        Compression::Lz4 => 2,
    }
}

fn pack(bytes: &[u8], compression: Compression) -> Result<Vec<u8>> {
    match compression {
        Compression::Lz4 => {
            let mut packed = (bytes.len() as u64).to_le_bytes().to_vec();
            packed.extend_from_slice(&lz4_flex::block::compress(bytes));
            Ok(packed)
        }
        Compression::Xz => {
            let mut xz = Command::new("xz")
                // As systemd does: no checksum, a dictionary of 1 MiB.
                .args(["--stdout", "--check=none", "--lzma2=dict=1MiB"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .context("xz: apt-get install xz-utils")?;
            let mut input = xz.stdin.take().context("stdin of xz")?;
            let bytes = bytes.to_vec();
            let writing = std::thread::spawn(move || input.write_all(&bytes));
            let out = xz.wait_with_output()?;
            writing.join().ok().context("a thread")??;
            ensure!(out.status.success(), "xz failed");
            Ok(out.stdout)
        }
    }
}
