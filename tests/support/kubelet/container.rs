//! One container: prints into its log file, restarts, ends, is deleted.
//!
//! It holds the live file open for appending, as the runtime does; what is printed between the
//! rename and the reopening of a rotation goes into the renamed file, because that is what this
//! descriptor is.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::cri::{self, Stream, Tag};
use super::written::{Written, token};
use super::{Clock, Kubelet, make_folder};

/// A container and its log.
#[derive(Debug)]
pub struct Container {
    /// Its number on the node, from 0.
    pub(super) number: usize,
    /// Namespace, pod, uid, container.
    names: [String; 4],
    pub(super) folder: PathBuf,
    link: PathBuf,
    /// How often it was restarted; the live file is `<restarts>.log`.
    pub(super) restarts: usize,
    pub(super) live: File,
    pub(super) clock: Clock,
    /// When it was rotated last, seconds since the Unix epoch.
    pub(super) rotated_at: u64,
    written: Vec<Written>,
    /// The number of the next record that gets a token.
    pub(super) next: usize,
}

impl Container {
    pub(super) fn start(kubelet: &Kubelet, number: usize, names: [String; 4]) -> Self {
        let [namespace, pod, uid, name] = &names;
        let folder = kubelet
            .pods()
            .join(format!("{namespace}_{pod}_{uid}"))
            .join(name);
        make_folder(folder.parent().expect("the pod's folder"));
        make_folder(&folder);
        let link = kubelet
            .containers()
            .join(format!("{pod}_{namespace}_{name}-{number:064x}.log"));
        let live = create(&folder.join("0.log"));
        let container = Container {
            number,
            folder,
            link,
            restarts: 0,
            live,
            clock: kubelet.clock.clone(),
            rotated_at: 0,
            written: Vec::new(),
            next: 0,
            names,
        };
        container.link_live();
        container
    }

    /// Its number on the node, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// `namespace/pod/container`.
    pub fn name(&self) -> String {
        let [namespace, pod, _, container] = &self.names;
        format!("{namespace}/{pod}/{container}")
    }

    pub fn namespace(&self) -> &str {
        &self.names[0]
    }

    pub fn pod(&self) -> &str {
        &self.names[1]
    }

    pub fn uid(&self) -> &str {
        &self.names[2]
    }

    /// The folder of its log files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the live file, whether or not it exists at the moment.
    pub fn live_path(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.restarts))
    }

    /// Everything written so far, in file order: a record stands where its last piece does.
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// Prints a line to stdout.
    pub fn print(&mut self, text: impl AsRef<[u8]>) {
        self.print_to(Stream::Stdout, text);
    }

    /// Prints a line to an output. A `\r` at its end is dropped, as the runtime does.
    pub fn print_to(&mut self, stream: Stream, text: impl AsRef<[u8]>) {
        self.print_around(stream, text, |_, _| {});
    }

    /// Prints a line that begins with the container's next token, and returns the token.
    pub fn print_numbered(&mut self, stream: Stream, rest: impl AsRef<[u8]>) -> String {
        let token = self.next_token();
        let mut text = token.clone().into_bytes();
        if !rest.as_ref().is_empty() {
            text.push(b' ');
            text.extend_from_slice(rest.as_ref());
        }
        self.print_to(stream, text);
        token
    }

    /// The token for the next record, for a test that writes it itself.
    pub fn next_token(&mut self) -> String {
        self.next += 1;
        token(self.number, self.next - 1)
    }

    /// Prints a line in its pieces; after each piece that is continued, `between` may print to the
    /// other output, as happens with long lines. It is handed the number of the piece, from 0.
    pub fn print_around(
        &mut self,
        stream: Stream,
        text: impl AsRef<[u8]>,
        mut between: impl FnMut(&mut Container, usize),
    ) {
        let text = text.as_ref();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut start = None;
        let mut end = 0;
        for (index, (tag, piece)) in cri::pieces(text).into_iter().enumerate() {
            end = self.write_piece(stream, tag, piece);
            start.get_or_insert(end);
            if tag == Tag::Partial {
                between(self, index);
            }
        }
        self.remember(stream, start.unwrap_or(end), end, text, true);
    }

    /// Prints text that no line end follows, and does not end it: pieces tagged `P`, no `F`.
    pub fn print_unfinished(&mut self, stream: Stream, text: impl AsRef<[u8]>) {
        let mut times = Vec::new();
        for piece in text.as_ref().chunks(cri::PIECE_BYTES_MAX) {
            times.push(self.write_piece(stream, Tag::Partial, piece));
        }
        let (first, last) = (times[0], times[times.len() - 1]);
        self.remember(stream, first, last, text.as_ref(), false);
    }

    /// Prints a line so that a reader can see the first half of its bytes alone: `between` runs
    /// when they are written.
    pub fn print_torn(&mut self, text: impl AsRef<[u8]>, between: impl FnOnce()) {
        let time = self.clock.read();
        let mut line = Vec::new();
        cri::line(&mut line, time, Stream::Stdout, Tag::Full, text.as_ref());
        let (first, second) = line.split_at(line.len() / 2);
        self.write_raw(first);
        between();
        self.write_raw(second);
        self.remember(Stream::Stdout, time, time, text.as_ref(), true);
    }

    /// Writes bytes into the log file that no runtime would have written, and remembers nothing.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.live
            .write_all(bytes)
            .expect("the log file takes bytes");
    }

    /// The instance ends: nothing more comes, and what is left of the instance before it is
    /// unlinked.
    pub fn exit(&mut self) {
        if let Some(former) = self.restarts.checked_sub(1) {
            let prefix = format!("{former}.log");
            self.unlink(|name| name.starts_with(&prefix));
        }
    }

    /// The next instance starts, with a log file of its own.
    pub fn start_again(&mut self) {
        self.restarts += 1;
        self.live = create(&self.live_path());
        fs::remove_file(&self.link).ok();
        self.link_live();
    }

    /// Ends and starts again.
    pub fn restart(&mut self) {
        self.exit();
        self.start_again();
    }

    /// The pod is deleted: all its files and its link are unlinked, the folders stay.
    pub fn delete(&mut self) {
        self.unlink(|_| true);
        fs::remove_file(&self.link).ok();
    }

    /// The kubelet's minute sweep: the empty folders of a deleted pod go too.
    pub fn sweep(&self) {
        fs::remove_dir(&self.folder).expect("the folder is empty");
        // Another container of the pod may still have its folder.
        self.folder.parent().map(fs::remove_dir);
    }

    /// The live file is copied aside and truncated in place. The kubelet never does this; other
    /// tools on a node do.
    pub fn copy_and_truncate(&mut self) {
        let live = self.live_path();
        fs::copy(&live, self.folder.join(format!("{}.log.1", self.restarts))).expect("a copy");
        self.live.set_len(0).expect("the log file can be truncated");
    }

    fn write_piece(&mut self, stream: Stream, tag: Tag, text: &[u8]) -> u64 {
        let time = self.clock.read();
        let mut line = Vec::with_capacity(text.len() + 64);
        cri::line(&mut line, time, stream, tag, text);
        self.write_raw(&line);
        time
    }

    fn remember(&mut self, stream: Stream, time_ns: u64, end_ns: u64, text: &[u8], complete: bool) {
        let (container, text) = (self.name(), text.to_owned());
        self.written.push(Written {
            container,
            stream,
            time_ns,
            end_ns,
            text,
            complete,
        });
    }

    /// Takes away the link that tells the container's id.
    pub fn hide_link(&self) {
        fs::remove_file(&self.link).expect("the link");
    }

    /// Makes the link that tells the container's id, as the kubelet does a moment after the file.
    pub fn link_live(&self) {
        let live = std::path::absolute(self.live_path()).expect("the log folder has a path");
        symlink(live, &self.link).expect("the link is new");
    }

    /// Unlinks the files of its folder whose name is chosen.
    fn unlink(&self, chosen: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(&self.folder)
            .expect("the container's folder")
            .flatten()
        {
            if entry.file_name().to_str().is_some_and(&chosen) {
                fs::remove_file(entry.path()).expect("a log file of our own");
            }
        }
    }
}

/// Creates a log file as the runtime does: for appending, with mode 0640.
pub(super) fn create(path: &Path) -> File {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
        .expect("a new log file");
    file.set_permissions(fs::Permissions::from_mode(0o640))
        .expect("the file is ours");
    file
}
