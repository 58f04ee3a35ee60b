//! Makes log files for measurements: as much as wanted, the same for the same seed.
//!
//! A mix of JSON and plain lines of 50 bytes to 4 KiB, 230 on average, some of them in two pieces,
//! some not UTF-8, some with a secret that a redaction finds; in files as the kubelet lays them
//! out. Texts are drawn from a pool that is made once, because making a gigabyte must not take
//! longer than measuring with it; what tells them apart is a number in each.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::kubelet::cri::{self, Tag};
use crate::kubelet::{Clock, Container, Kubelet, Stream};

/// How many different texts there are: a few megabytes, more than a core's own cache.
const POOL: usize = 16_384;

/// Bytes that are written to a file at once.
const WRITE_BYTES: usize = 1 << 20;

/// Shortest and longest text, bytes.
const SHORTEST: usize = 50;
const LONGEST: usize = 4096;

/// Where a text's number stands: behind `n=` or `"n":`, in so many digits.
const NUMBER_DIGITS: usize = 10;

/// Of so many texts, one is in two pieces, one is not UTF-8, one holds a secret.
const PARTIAL_IN: usize = 200;
const BYTES_IN: usize = 500;
const SECRET_IN: usize = 50;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub seed: u64,
    /// Bytes of all files together, heads included. Reached to the last line, not exactly.
    pub bytes: u64,
    /// How many containers, with one file each.
    pub containers: usize,
    /// The time of the first line, nanoseconds since the Unix epoch.
    pub start_ns: u64,
}

/// What was made.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Made {
    pub files: Vec<PathBuf>,
    /// Bytes of all files.
    pub bytes: u64,
    /// Records, and the bytes of their text.
    pub records: u64,
    pub text_bytes: u64,
    /// Records that are in two pieces.
    pub partial: u64,
    /// Records that are not UTF-8.
    pub not_utf8: u64,
}

/// A text to draw.
struct Draft {
    text: Vec<u8>,
    /// Where its number goes.
    number_at: usize,
    not_utf8: bool,
    /// Where it is cut in two, if it is.
    cut_at: Option<usize>,
}

/// Makes log files below `root`, which is what `/var/log` is on a node.
pub fn make(root: &Path, options: &Options) -> io::Result<Made> {
    let pool = pool(&mut Rng::with_seed(options.seed));
    let mut rng = Rng::with_seed(options.seed ^ 0x9e37_79b9_7f4a_7c15);
    let kubelet = Kubelet::with_clock(root, Clock::starting_at(options.start_ns));
    let mut made = Made::default();
    let share = options.bytes / options.containers as u64;
    for number in 0..options.containers {
        let namespace = ["payments", "search", "web"][number % 3];
        let container = kubelet.start(namespace, &format!("bench-{number}"), "app");
        fill(
            &container,
            share,
            &pool,
            &mut rng,
            kubelet.clock(),
            &mut made,
        )?;
        made.files.push(container.live_path());
    }
    Ok(made)
}

/// Writes lines to a container's file until it has so many bytes.
fn fill(
    container: &Container,
    bytes: u64,
    pool: &[Draft],
    rng: &mut Rng,
    clock: &Clock,
    made: &mut Made,
) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(container.live_path())?;
    let mut out = Vec::with_capacity(WRITE_BYTES + 2 * LONGEST);
    let mut text = Vec::with_capacity(LONGEST);
    let mut length = 0;
    while length + (out.len() as u64) < bytes {
        let draft = &pool[rng.usize(..pool.len())];
        text.clone_from(&draft.text);
        let number = format!("{:0NUMBER_DIGITS$}", made.records);
        text[draft.number_at..draft.number_at + NUMBER_DIGITS].copy_from_slice(number.as_bytes());
        let stream = if made.records % 8 == 7 {
            Stream::Stderr
        } else {
            Stream::Stdout
        };
        let (first, last) = text.split_at(draft.cut_at.unwrap_or(0));
        if !first.is_empty() {
            cri::line(&mut out, clock.read(), stream, Tag::Partial, first);
        }
        cri::line(&mut out, clock.read(), stream, Tag::Full, last);
        made.records += 1;
        made.text_bytes += text.len() as u64;
        made.partial += u64::from(draft.cut_at.is_some());
        made.not_utf8 += u64::from(draft.not_utf8);
        if out.len() >= WRITE_BYTES {
            length += out.len() as u64;
            file.write_all(&out)?;
            out.clear();
        }
    }
    file.write_all(&out)?;
    made.bytes += length + out.len() as u64;
    Ok(())
}

fn pool(rng: &mut Rng) -> Vec<Draft> {
    (0..POOL).map(|index| draft(rng, index)).collect()
}

fn draft(rng: &mut Rng, index: usize) -> Draft {
    let length = length(rng);
    let secret = if index % SECRET_IN == 1 {
        secret(rng)
    } else {
        String::new()
    };
    let mut draft = if index.is_multiple_of(2) {
        json(rng, length, &secret)
    } else {
        plain(rng, length, &secret)
    };
    if index % BYTES_IN == 3 {
        // Latin-1, as an old program prints it: at the end of the words, where no secret is.
        let place = draft.text.len() - 4;
        draft.text[place] = 0xe9;
        draft.not_utf8 = true;
    }
    if index % PARTIAL_IN == 5 {
        draft.cut_at = Some(draft.text.len() / 2);
    }
    draft
}

/// Nine of ten texts are short, one in two hundred is long; 230 bytes on average.
fn length(rng: &mut Rng) -> usize {
    match rng.usize(..200) {
        0 => rng.usize(1500..=LONGEST),
        1..=19 => rng.usize(250..1500),
        _ => rng.usize(SHORTEST..250),
    }
}

fn plain(rng: &mut Rng, length: usize, secret: &str) -> Draft {
    let level = ["INFO ", "WARN ", "ERROR", "DEBUG"][rng.usize(..4)];
    let mut text = format!("{level} n=").into_bytes();
    let number_at = text.len();
    text.extend_from_slice(&[b'0'; NUMBER_DIGITS]);
    text.extend_from_slice(secret.as_bytes());
    words(rng, &mut text, length);
    Draft {
        text,
        number_at,
        not_utf8: false,
        cut_at: None,
    }
}

fn json(rng: &mut Rng, length: usize, secret: &str) -> Draft {
    // A number in JSON has no leading zeros; this one is text.
    let mut text = br#"{"n":""#.to_vec();
    let number_at = text.len();
    text.extend_from_slice(&[b'0'; NUMBER_DIGITS]);
    text.extend_from_slice(br#"","#);
    if length > 120 {
        let (status, took) = (rng.usize(200..505), rng.usize(..900));
        let fields = format!(r#""level":"info","status":{status},"took_ms":{took},"#);
        text.extend_from_slice(fields.as_bytes());
    }
    text.extend_from_slice(br#""msg":""#);
    text.extend_from_slice(secret.as_bytes());
    words(rng, &mut text, length.saturating_sub(2));
    text.extend_from_slice(br#""}"#);
    Draft {
        text,
        number_at,
        not_utf8: false,
        cut_at: None,
    }
}

/// Appends words until the text has exactly so many bytes; none if it has them already.
fn words(rng: &mut Rng, text: &mut Vec<u8>, length: usize) {
    const WORDS: [&str; 16] = [
        "request",
        "order",
        "accepted",
        "from",
        "cache",
        "user",
        "session",
        "timeout",
        "retry",
        "payment",
        "for",
        "the",
        "checkout",
        "failed",
        "with",
        "connection",
    ];
    while text.len() < length {
        text.push(b' ');
        text.extend_from_slice(WORDS[rng.usize(..WORDS.len())].as_bytes());
    }
    text.truncate(length.max(text.len().min(SHORTEST)));
}

/// Something that must not leave the node.
fn secret(rng: &mut Rng) -> String {
    match rng.usize(..3) {
        0 => " card 4111 1111 1111 1111".to_owned(),
        1 => format!(" mail user{}@example.com", rng.usize(..1000)),
        _ => " key AKIAIOSFODNN7EXAMPLE".to_owned(),
    }
}
