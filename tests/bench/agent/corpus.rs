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

/// One file of 100 MB.
pub fn one_file() -> (PathBuf, u64) {
    let options = Options {
        bytes: 100_000_000,
        containers: 1,
        ..OPTIONS
    };
    let corpus = corpus("100mb", options);
    (corpus.only_file(), corpus.bytes)
}

impl Corpus {
    /// The file of its only container.
    fn only_file(&self) -> PathBuf {
        let only = |folder: &Path| {
            let entry = std::fs::read_dir(folder).expect("a folder").next();
            entry.expect("an entry").expect("an entry").path()
        };
        only(&only(&self.root.join("pods"))).join("0.log")
    }
}

/// Texts of records, as they stand in the files: whole ones only.
pub fn texts(count: usize) -> Vec<Vec<u8>> {
    let options = Options {
        bytes: 4 << 20,
        containers: 1,
        ..OPTIONS
    };
    let corpus = corpus("4mib", options);
    let bytes = std::fs::read(corpus.only_file()).expect("a log file");
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
