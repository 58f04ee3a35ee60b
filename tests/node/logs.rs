//! The log generator: the same for a seed, of the sizes and kinds that it promises.
//!
//! Measured on what lies on the disk, not on what the generator says.

use std::fs;
use std::path::Path;

use support::logs::{Made, Options, make};
use tempfile::tempdir;

const MIB: u64 = 1 << 20;

fn options(seed: u64) -> Options {
    Options {
        seed,
        bytes: 8 * MIB,
        containers: 4,
        start_ns: 1_795_464_000_000_000_000,
    }
}

fn made(seed: u64, root: &Path) -> (Made, Vec<u8>) {
    let made = make(root, &options(seed)).unwrap();
    let bytes = made
        .files
        .iter()
        .flat_map(|file| fs::read(file).unwrap())
        .collect();
    (made, bytes)
}

#[test]
fn a_seed_makes_the_same_files_and_another_does_not() {
    let (first, second, third) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let (_, bytes) = made(1, first.path());
    assert!(
        bytes == made(1, second.path()).1,
        "the same seed made other files"
    );
    assert!(
        bytes != made(2, third.path()).1,
        "another seed made the same files"
    );
}

#[test]
fn files_have_the_size_asked_for_in_shares() {
    let root = tempdir().unwrap();
    let (made, bytes) = made(1, root.path());
    assert_eq!((made.bytes, made.files.len()), (bytes.len() as u64, 4));
    assert!(
        (8 * MIB..8 * MIB + 4 * 5000).contains(&made.bytes),
        "{}",
        made.bytes
    );
}

#[test]
fn texts_have_50_bytes_to_4_kib_and_230_on_average() {
    let root = tempdir().unwrap();
    let (made, bytes) = made(1, root.path());
    let average = made.text_bytes / made.records;
    assert!((220..=240).contains(&average), "{average}");
    let text = |line: &[u8]| line.splitn(4, |&byte| byte == b' ').nth(3).unwrap().len();
    let whole = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty() && !line.windows(3).any(|window| window == b" P "));
    let lengths: Vec<usize> = whole.map(text).collect();
    assert!(
        *lengths.iter().max().unwrap() <= 4096,
        "{:?}",
        lengths.iter().max()
    );
    let short = lengths.iter().filter(|&&length| length < 50).count() as u64;
    assert!(
        short <= made.partial,
        "only the second half of a cut line may be shorter"
    );
}

#[test]
fn some_records_are_partial_some_are_not_utf_8_and_some_are_json() {
    let root = tempdir().unwrap();
    let (made, bytes) = made(1, root.path());
    let per_mille = |count: u64| count * 1000 / made.records;
    assert!((3..=7).contains(&per_mille(made.partial)), "{made:?}");
    assert!((1..=3).contains(&per_mille(made.not_utf8)), "{made:?}");
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let not_utf8 = lines
        .iter()
        .filter(|line| std::str::from_utf8(line).is_err())
        .count() as u64;
    assert_eq!(not_utf8, made.not_utf8);
    let json = |line: &&&[u8]| {
        let text = line.splitn(4, |&byte| byte == b' ').nth(3);
        text.is_some_and(|text| serde_json::from_slice::<serde_json::Value>(text).is_ok())
    };
    let json = lines.iter().filter(json).count() as u64;
    assert!(
        (450..=500).contains(&per_mille(json)),
        "{}",
        per_mille(json)
    );
}
