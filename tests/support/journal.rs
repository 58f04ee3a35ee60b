//! Journals as systemd makes them: `systemd-journal-remote` turns text in the journal's export format
//! into files, and `journalctl` says what stands in a file. Both come with Debian's package
//! `systemd-journal-remote` and what it depends on.

mod recompress;

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

pub use recompress::{Compression, recompress};

const REMOTE: &str = "/usr/lib/systemd/systemd-journal-remote";

/// One entry, in the export format's order of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Entry {
    /// An entry received at `realtime`, microseconds since the Unix epoch, with this text.
    #[must_use]
    pub fn new(realtime: u64, text: impl AsRef<[u8]>) -> Self {
        Self::default()
            .with("__REALTIME_TIMESTAMP", realtime.to_string())
            .with(
                "__MONOTONIC_TIMESTAMP",
                (realtime % 1_000_000_000_000).to_string(),
            )
            .with("_BOOT_ID", "0123456789abcdef0123456789abcdef")
            .with("MESSAGE", text)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The entry in the export format.
    pub fn export(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            let plain = |b: &u8| *b == b'\t' || (*b >= b' ' && *b < 0x7f);
            if value.iter().all(plain) {
                out.push(b'=');
            } else {
                out.push(b'\n');
                out.extend_from_slice(&(value.len() as u64).to_le_bytes());
            }
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out.push(b'\n');
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().find(|(n, _)| n == name);
        field.map(|(_, value)| value.as_slice())
    }
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub compact: bool,
    pub keyed_hash: bool,
    /// Long values are compressed with zstd; else not at all.
    pub compress: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            compact: true,
            keyed_hash: true,
            compress: true,
        }
    }
}

/// A writer of one file, that takes entries as they come.
pub struct Writer {
    child: Child,
    input: Option<ChildStdin>,
}

impl Writer {
    /// Starts to write to `path`, at its end if it is there.
    ///
    /// # Errors
    /// When systemd's writer cannot be started.
    pub fn start(path: &Path, layout: Layout) -> Result<Self> {
        let switch = |on: bool| if on { "1" } else { "0" };
        let mut child = Command::new(REMOTE)
            .arg(format!("--compress={}", switch(layout.compress)))
            .arg("--output")
            .arg(path)
            .arg("-")
            .env("SYSTEMD_JOURNAL_COMPACT", switch(layout.compact))
            .env("SYSTEMD_JOURNAL_KEYED_HASH", switch(layout.keyed_hash))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{REMOTE}: apt-get install systemd-journal-remote"))?;
        let input = child.stdin.take();
        Ok(Self { child, input })
    }

    /// Hands over entries. They stand in the file a moment later.
    ///
    /// # Errors
    /// When the writer has ended.
    pub fn write(&mut self, entries: &[Entry]) -> Result<()> {
        let mut text = Vec::new();
        entries.iter().for_each(|entry| entry.export(&mut text));
        let input = self.input.as_mut().context("the writer has ended")?;
        input.write_all(&text)?;
        Ok(input.flush()?)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "{REMOTE} ended with {status}");
        Ok(())
    }
}

/// Writes a whole file.
///
/// # Errors
/// When systemd's writer fails.
pub fn make(path: &Path, layout: Layout, entries: &[Entry]) -> Result<()> {
    let mut writer = Writer::start(path, layout)?;
    writer.write(entries)?;
    writer.finish()
}

/// What `journalctl` says stands in a file.
///
/// # Errors
/// When it fails, or says what cannot be understood.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let out = journalctl(path, ["--output", "export"])?;
    parse(&out)
}

/// What `journalctl` prints of a file.
///
/// # Errors
/// When it fails.
pub fn journalctl<'a>(path: &Path, args: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
    let out = Command::new("journalctl")
        .args(["--quiet", "--no-pager", "--file"])
        .arg(path)
        .args(args)
        .output()
        .context("journalctl")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "journalctl: {said}");
    Ok(out.stdout)
}

fn parse(mut text: &[u8]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut entry = Entry::default();
    while !text.is_empty() {
        let Some(end) = text.iter().position(|b| *b == b'\n') else {
            bail!("an export without its last newline");
        };
        let line = &text[..end];
        text = &text[end + 1..];
        if line.is_empty() {
            entries.push(std::mem::take(&mut entry));
            continue;
        }
        let (name, value) = match line.iter().position(|b| *b == b'=') {
            Some(at) => (&line[..at], line[at + 1..].to_vec()),
            None => {
                let (len, rest) = text.split_first_chunk::<8>().context("a length")?;
                let len = usize::try_from(u64::from_le_bytes(*len))?;
                ensure!(rest.len() > len, "a value is cut short");
                text = &rest[len + 1..];
                (line, rest[..len].to_vec())
            }
        };
        let name = String::from_utf8(name.to_vec())?;
        entry.fields.push((name, value));
    }
    Ok(entries)
}
