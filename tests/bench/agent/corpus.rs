//! Log files to measure with: made once, kept in `target/bench`, the same for every run. They are in
//! the page cache when they are read, so that the agent is measured and not the disk.

use std::path::{Path, PathBuf};

use support::logs::{self, Options};

/// Files of eight containers.
pub struct Corpus {
    pub root: PathBuf,
    pub bytes: u64,
}

const OPTIONS: Options = Options {
    seed: 1,
    bytes: 1 << 30,
    containers: 8,
    start_ns: 1_790_000_000_000_000_000,
};

/// 1 GiB.
pub fn one_gib() -> Corpus {
    corpus("1gib", OPTIONS)
}

/// 3 GiB of ten containers: work for a second, which is many deadlines.
pub fn ten_containers() -> Corpus {
    let options = Options {
        bytes: 3 << 30,
        containers: 10,
        ..OPTIONS
    };
    corpus("ten-3gib", options)
}

fn corpus(name: &str, options: Options) -> Corpus {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/bench")
        .join(name);
    let done = root.join("bytes");
    if let Some(bytes) = std::fs::read_to_string(&done)
        .ok()
        .and_then(|t| t.parse().ok())
    {
        return Corpus { root, bytes };
    }
    eprintln!("making log files in {}", root.display());
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).expect("a folder");
    let made = logs::make(&root, &options).expect("log files");
    std::fs::write(&done, made.bytes.to_string()).expect("a file");
    let bytes = made.bytes;
    Corpus { root, bytes }
}

/// Texts of records, as they stand in the files: whole ones only.
pub fn texts(count: usize) -> Vec<Vec<u8>> {
    let options = Options {
        bytes: 4 << 20,
        containers: 1,
        ..OPTIONS
    };
    let corpus = corpus("4mib", options);
    let folder = std::fs::read_dir(corpus.root.join("pods"))
        .expect("pods")
        .next();
    let pod = folder.expect("a pod").expect("a pod").path();
    let container = std::fs::read_dir(pod).expect("containers").next();
    let file = container
        .expect("a container")
        .expect("a container")
        .path()
        .join("0.log");
    let bytes = std::fs::read(file).expect("a log file");
    let text = |line: &[u8]| {
        let at = line.windows(3).position(|w| w == b" F ")?;
        Some(line[at + 3..].to_vec())
    };
    bytes
        .split(|b| *b == b'\n')
        .filter_map(text)
        .take(count)
        .collect()
}
