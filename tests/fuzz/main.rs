//! Fuzzing without a special compiler: every input of the kept corpus, then mutations of it for
//! `FUZZ_SECONDS`. An input that breaks a promise is written to the corpus, where it stays as a test.

mod filters;
mod promises;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

/// How long each promise is tried where `FUZZ_SECONDS` does not say.
const TRIED_FOR: Duration = Duration::from_secs(3);
/// Longest input that is made.
const INPUT_BYTES_MAX: usize = 4096;

/// What formats are made of: put in as a whole, since chance would take years to write them.
const WORDS: [&[u8]; 22] = [
    b"\n",
    b"\r\n",
    b" stdout F ",
    b" stderr P ",
    b" stdout F:x ",
    b"2026-11-23T20:00:00.123456789Z",
    b"2026-11-23T20:00:00+02:00",
    b"Nov 26 06:59:59 ",
    b"<34>1 ",
    b"[Thu Nov 26 06:59:59 2026] ",
    b"{\"ts\":",
    b"{\"log\":\"",
    b"\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-23T20:00:00Z\"}",
    b"\\ud83d\\ude00",
    b"\xff\xfe\0",
    b".log.",
    b".gz",
    b"20261123-101112",
    b"_",
    b"{\"logsieve_checkpoint\":1,\"sha256\":\"",
    b"[{\"pod_uid\":\"u\",\"container\":\"c\",\"restart\":0,\"head\":[",
    b"18446744073709551616",
];

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

fn inputs(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(corpus(name))
        .expect("a corpus")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(path).expect("a file of the corpus");
    paths.into_iter().map(read).collect()
}

/// Changes an input in a few places.
fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut Rng) {
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=input.len());
        let end = (at + rng.usize(..40)).min(input.len());
        match rng.u8(..6) {
            0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
            1 => drop(input.drain(at..end)),
            2 => input.insert(at, rng.u8(..)),
            3 => {
                let word = WORDS[rng.usize(..WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
            4 => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            _ => {
                let other = &others[rng.usize(..others.len())];
                let from = rng.usize(..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn holds(promise: promises::Promise, input: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| promise(input))).is_ok()
}

#[test]
fn every_input_of_the_corpus_keeps_its_promise() {
    for (name, promise) in promises::ALL {
        inputs(name).iter().for_each(|input| promise(input));
    }
}

#[test]
fn mutated_inputs_keep_the_promises() {
    let seconds = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok());
    let limit = seconds.map_or(TRIED_FOR, Duration::from_secs);
    let seed = fastrand::u64(..);
    for (name, promise) in promises::ALL {
        let (inputs, mut rng) = (inputs(name), Rng::with_seed(seed));
        let (began, mut tries) = (Instant::now(), 0);
        while began.elapsed() < limit {
            let mut input = inputs[rng.usize(..inputs.len())].clone();
            mutate(&mut input, &inputs, &mut rng);
            tries += 1;
            if !holds(promise, &input) {
                let path = corpus(name).join(format!("broke-{seed:016x}-{tries}"));
                fs::write(&path, &input).expect("the corpus takes a file");
                panic!("{name}: broken by {}, which is kept", path.display());
            }
        }
        println!("{name}: {tries} inputs");
    }
}
