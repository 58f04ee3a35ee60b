//! A module in parts, because a ConfigMap ends at 1 MiB in all.
//!
//! `redact.wasm.zst` becomes `redact.wasm.zst.0`, `.1`, ...: cut anywhere, in order. Part 0 begins
//! with one line, `logsieve-parts 1 COUNT BYTES SHA256`, then a newline, then its share of the
//! bytes; the other parts are bytes alone. COUNT is the number of parts, BYTES and SHA256 (in hex)
//! are of the whole, as it was before it was cut. A volume may show parts of one build beside parts
//! of another while the kubelet works through several ConfigMaps: the hash refuses such a mixture.

use super::sha256_hex;

/// Bytes of one part, header included: fits a ConfigMap beside a file of examples.
pub const PART_BYTES_MAX: usize = 1_000_000;
/// Parts of one module.
pub const PARTS_MAX: usize = 64;
/// What part 0 begins with; the number is the layout's.
const MAGIC: &str = "logsieve-parts 1 ";
/// The first line of part 0 is no longer.
const HEADER_BYTES_MAX: usize = 128;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("its part 0 does not begin with `{MAGIC}COUNT BYTES SHA256`")]
    Header,
    #[error("{found} of its {wanted} parts are there")]
    Missing { found: usize, wanted: usize },
    #[error("its parts are of different builds: together they are not what part 0 says")]
    Mixed,
    #[error("it would have more than {PARTS_MAX} parts")]
    TooMany,
}

/// Cuts a module into parts, each under its file name.
///
/// # Errors
/// When there would be too many.
pub fn split(name: &str, whole: &[u8], bytes_max: usize) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let room = bytes_max.saturating_sub(HEADER_BYTES_MAX).max(1);
    let shares: Vec<&[u8]> = match whole.len() {
        0 => vec![whole],
        _ => whole.chunks(room).collect(),
    };
    if shares.len() > PARTS_MAX {
        return Err(Error::TooMany);
    }
    let (count, bytes, hash) = (shares.len(), whole.len(), sha256_hex(whole));
    let header = format!("{MAGIC}{count} {bytes} {hash}\n");
    let part = |(number, share): (usize, &&[u8])| {
        let mut part = Vec::with_capacity(share.len() + HEADER_BYTES_MAX);
        if number == 0 {
            part.extend_from_slice(header.as_bytes());
        }
        part.extend_from_slice(share);
        (format!("{name}.{number}"), part)
    };
    Ok(shares.iter().enumerate().map(part).collect())
}

/// What part 0 says of the whole.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    count: usize,
    bytes: usize,
    sha256: &'a str,
}

fn header(first: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let line = &first[..first.len().min(HEADER_BYTES_MAX)];
    let end = memchr::memchr(b'\n', line)?;
    let mut fields = str::from_utf8(&line[..end])
        .ok()?
        .strip_prefix(MAGIC)?
        .split(' ');
    let header = Header {
        count: fields.next()?.parse().ok()?,
        bytes: fields.next()?.parse().ok()?,
        sha256: fields.next()?,
    };
    let whole = (1..=PARTS_MAX).contains(&header.count) && fields.next().is_none();
    whole.then_some((header, &first[end + 1..]))
}

/// Puts parts together; parts past those that part 0 counts are left over from another build.
///
/// # Errors
/// When some are missing, or they are not of one build.
pub fn join(parts: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
    let first = parts.first().ok_or(Error::Header)?;
    let (header, share) = header(first).ok_or(Error::Header)?;
    let wanted = header.count;
    let Some(rest) = parts.get(1..wanted) else {
        let found = parts.len();
        return Err(Error::Missing { found, wanted });
    };
    let mut whole = share.to_vec();
    for part in rest {
        whole.extend_from_slice(part);
    }
    if whole.len() != header.bytes || sha256_hex(&whole) != header.sha256 {
        return Err(Error::Mixed);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(whole: &[u8], bytes_max: usize) -> Vec<Vec<u8>> {
        let parts = split("f.wasm", whole, bytes_max).unwrap();
        for (number, (name, part)) in parts.iter().enumerate() {
            assert_eq!(*name, format!("f.wasm.{number}"));
            assert!(part.len() <= bytes_max, "{} bytes", part.len());
        }
        parts.into_iter().map(|(_, part)| part).collect()
    }

    #[test]
    fn what_was_cut_is_put_together_again() {
        let whole: Vec<u8> = (0..1000_u16).flat_map(u16::to_le_bytes).collect();
        for bytes_max in [200, 228, 500, 5000] {
            assert_eq!(join(&parts(&whole, bytes_max)).unwrap(), whole);
        }
        assert_eq!(join(&parts(b"", 500)).unwrap(), b"");
    }

    #[test]
    fn parts_of_different_builds_are_refused() {
        let [old, new] = [1_u8, 2].map(|byte| parts(&[byte; 1000], 628));
        assert_eq!(old.len(), 2);
        let mixtures = [
            vec![old[0].clone(), new[1].clone()],
            vec![new[0].clone(), old[1].clone()],
        ];
        for mixture in mixtures {
            assert_eq!(join(&mixture), Err(Error::Mixed));
        }
        let longer = parts(&[1; 1200], 628);
        let short = [longer[0].clone(), longer[1].clone()];
        let (found, wanted) = (2, 3);
        assert_eq!(join(&short), Err(Error::Missing { found, wanted }));
        // What an older, longer build left behind does not count.
        let left_over = [old[0].clone(), old[1].clone(), longer[2].clone()];
        assert_eq!(join(&left_over).unwrap(), [1; 1000]);
    }

    #[test]
    fn a_first_part_without_its_header_is_refused() {
        for first in [
            "",
            "\0asm",
            "logsieve-parts 2 1 1 a\n",
            "logsieve-parts 1 0 0 a\n",
            "logsieve-parts 1 1 1",
            "logsieve-parts 1 999 1 a\n",
        ] {
            assert_eq!(join(&[first.into()]), Err(Error::Header), "{first}");
        }
    }

    #[test]
    fn a_module_of_too_many_parts_is_refused() {
        assert_eq!(split("f", &[0; 100], 1), Err(Error::TooMany));
    }
}
