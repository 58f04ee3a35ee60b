//! What was written, byte by byte, and what came of it. The books know what the agent cannot: which
//! bytes belong to which record, and which of them nobody can read any more.
//!
//! A *log* is what one file was from its creation to its truncation; several files may hold copies of
//! it, as a plain file and its compressed twin do.

mod copies;
pub mod journal;
mod ledger;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use logsieve::checkpoint::board::Board;
use logsieve::checkpoint::store::FileKey;
use logsieve::source::log_file::identity::{HEAD_BYTES_MAX, Head};
use support::kubelet::{Stream, token_of};

use crate::disk::{Node, Unreadable};

pub use record::Record;

/// Markers of the agent and what filters add apart.
const WRITTEN: &str = "nothing delivered that was not written";

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub promise: &'static str,
    pub how: String,
}

impl Broken {
    pub fn new(promise: &'static str, how: String) -> Self {
        Self { promise, how }
    }
}

/// One container of one pod.
pub struct Account {
    pub pod: String,
    pub uid: String,
    pub records: Vec<Record>,
    /// It is a unit of the journal, of whose records it is known which may come again.
    is_unit: bool,
    /// When something last happened that allows its records to come again.
    excused_at: u64,
    /// A request of it was given up, so later records may have overtaken earlier ones.
    overtaken: bool,
    /// The latest record that came, by stream and millisecond.
    latest_of: BTreeMap<(Stream, i64), usize>,
}

/// What one file was from its creation to its truncation.
struct Log {
    container: usize,
    restart: u32,
    head: Vec<u8>,
    key: Option<FileKey>,
    len: u64,
    /// Where each piece of a record ends, and whose it is.
    pieces: Vec<(u64, usize)>,
    /// Pieces below the committed offset, all of them accounted for.
    checked: usize,
    offset: u64,
    copies: u32,
    /// How long it was when the agent last looked at it, once it is gone.
    seen_to: u64,
}

impl Log {
    /// Where a piece begins.
    fn from(&self, piece: usize) -> u64 {
        piece
            .checked_sub(1)
            .map_or(0, |former| self.pieces[former].0)
    }
}

#[derive(Default)]
pub struct Books {
    pub accounts: Vec<Account>,
    logs: Vec<Log>,
    /// Which log a file holds.
    held: BTreeMap<Node, usize>,
    /// Files whose lengths are not those of their logs.
    packed: BTreeSet<Node>,
    journal: BTreeMap<Node, journal::File>,
    /// Counts everything that happens.
    happened: u64,
}

impl Books {
    pub fn open_account(&mut self, pod: &str, uid: &str) -> usize {
        self.accounts.push(Account {
            pod: pod.to_owned(),
            uid: uid.to_owned(),
            records: Vec::new(),
            is_unit: false,
            excused_at: 0,
            overtaken: false,
            latest_of: BTreeMap::new(),
        });
        self.accounts.len() - 1
    }

    pub fn created(&mut self, node: Node, container: usize, restart: u32) {
        self.held.insert(node, self.logs.len());
        self.logs.push(Log {
            container,
            restart,
            head: Vec::new(),
            key: None,
            len: 0,
            pieces: Vec::new(),
            checked: 0,
            offset: 0,
            copies: 1,
            seen_to: 0,
        });
    }

    /// A file was cut, that the agent had last seen to be so long.
    pub fn truncated(&mut self, node: Node, seen_to: u64) {
        let (container, restart) = {
            let log = &mut self.logs[self.held[&node]];
            log.copies = 0;
            log.seen_to = seen_to;
            (log.container, log.restart)
        };
        self.lose(self.held[&node]);
        self.created(node, container, restart);
    }

    /// A piece of a record was written at the end of a file, which may be beyond anybody's reach.
    pub fn wrote(&mut self, node: Node, record: usize, bytes: &[u8]) {
        let log = &mut self.logs[self.held[&node]];
        let account = &mut self.accounts[log.container];
        let room = HEAD_BYTES_MAX - log.head.len();
        log.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        log.len += bytes.len() as u64;
        log.pieces.push((log.len, record));
        account.records[record].lost |= log.copies == 0;
        if log.key.is_none() {
            log.key = Head::of(&log.head).map(|head| FileKey {
                pod_uid: account.uid.clone(),
                container: "app".into(),
                restart: log.restart,
                head: (head.len, head.hash),
            });
        }
    }

    /// A file is beyond reach. `excused`: the agent did not run, and could not help it.
    pub fn unreadable(&mut self, file: Unreadable, excused: bool) -> Result<(), Broken> {
        // Somebody may still write into it, so its log is not forgotten.
        let log = self.held[&file.node];
        self.logs[log].copies = self.logs[log].copies.saturating_sub(1);
        if !self.packed.contains(&file.node) {
            self.logs[log].seen_to = file.seen_to;
        }
        if self.logs[log].copies > 0 {
            return Ok(());
        }
        if file.closed
            && !excused
            && let Some(bytes) = self.first_unanswered(log)
        {
            let how = format!("{bytes} were not answered for when their file was closed");
            return Err(Broken::new("files stay open until settled", how));
        }
        self.lose(log);
        Ok(())
    }

    fn first_unanswered(&self, log: usize) -> Option<String> {
        let log = &self.logs[log];
        let account = &self.accounts[log.container];
        // Those below the watermark are known to be.
        for at in log.checked..log.pieces.len() {
            let (to, record) = log.pieces[at];
            if !account.records[record].is_accounted_for() {
                let text = &account.records[record].text;
                let from = log.from(at);
                return Some(format!("{} bytes {from}..{to} (`{text:.40}`)", account.pod));
            }
        }
        None
    }

    fn lose(&mut self, log: usize) {
        let log = &self.logs[log];
        let account = &mut self.accounts[log.container];
        for &(_, record) in &log.pieces {
            let record = &mut account.records[record];
            record.lost |= !record.is_accounted_for();
        }
    }

    /// Something happened that makes records of this container come again.
    pub fn excuse(&mut self, pod: &str, overtaken: bool) {
        self.happened += 1;
        for account in self
            .accounts
            .iter_mut()
            .filter(|account| account.pod == pod)
        {
            account.excused_at = self.happened;
            account.overtaken |= overtaken;
        }
    }

    /// The agent was killed: everything since the last checkpoint may come again.
    pub fn crashed(&mut self) {
        self.happened += 1;
        self.accounts
            .iter_mut()
            .for_each(|account| account.excused_at = self.happened);
        self.logs.iter_mut().for_each(|log| log.offset = 0);
    }

    /// An event is at the service; or was refused there for good. `heard`: the agent is told.
    pub fn came(
        &mut self,
        pod: &str,
        (time_ms, text): (i64, &str),
        rejected: bool,
        heard: bool,
    ) -> Result<(), Broken> {
        self.happened += 1;
        if text.starts_with("logsieve: ") {
            // A marker: the agent's own, for what is lost.
            return Ok(());
        }
        let nobody = || Broken::new(WRITTEN, format!("{pod}: `{text:.80}`"));
        let place = token_of(text).and_then(|token| token[1..].split_once('-'));
        let place = place.and_then(|(c, n)| Some((c.parse().ok()?, n.parse().ok()?)));
        let (container, number): (usize, usize) = place.ok_or_else(nobody)?;
        let account = self.accounts.get_mut(container).ok_or_else(nobody)?;
        let record = account.records.get_mut(number).ok_or_else(nobody)?;
        // Of a record whose one end is gone, the other is a record too.
        let is_rest = record.lost && (record.text.ends_with(text) || record.text.starts_with(text));
        let same = record.text == text && record.time_ms == time_ms;
        if account.pod != pod || !(same || is_rest) || record.unwanted {
            let how = format!(
                "{pod}: {} bytes at {time_ms} `{text:.40}`, where {} were written at {} by {}",
                text.len(),
                record.text.len(),
                record.time_ms,
                account.pod
            );
            return Err(Broken::new(WRITTEN, how));
        }
        let again = std::mem::replace(&mut record.may_come_again, !heard);
        record.answered |= heard;
        if rejected {
            record.rejected = true;
            return Ok(());
        }
        let excused = match account.is_unit {
            true => again,
            false => record.came_at < account.excused_at,
        };
        if record.came > 0 && !excused {
            let how = format!("{pod}: `{text:.80}` came again without a reason");
            return Err(Broken::new(
                "no repeat without a crash or a lost answer",
                how,
            ));
        }
        let first = record.came == 0 && !record.rejected;
        (record.came, record.came_at) = (record.came + 1, self.happened);
        if first {
            account.keep_order(number)
        } else {
            Ok(())
        }
    }

    /// Every byte below a committed offset came, or was dropped, refused or lost; and no committed
    /// offset falls.
    pub fn check(&mut self, board: &Board) -> Result<(), Broken> {
        for log in &mut self.logs {
            let Some(offset) = log
                .key
                .as_ref()
                .and_then(|key| Some(board.watermark(key)?.prefix()))
            else {
                continue;
            };
            let account = &self.accounts[log.container];
            if offset < log.offset || offset > log.len {
                let how = format!(
                    "{}: the committed offset went from {} to {offset}, of {} bytes",
                    account.pod, log.offset, log.len
                );
                return Err(Broken::new("a committed offset never falls", how));
            }
            log.offset = offset;
            while let Some(&(to, record)) = log.pieces.get(log.checked)
                && to <= offset
            {
                let record = &account.records[record];
                if !record.is_accounted_for() {
                    let from = log.checked.checked_sub(1).map_or(0, |at| log.pieces[at].0);
                    let how = format!(
                        "{} bytes {from}..{to} (`{:.40}`) are below the watermark {offset} and were never delivered",
                        account.pod, record.text
                    );
                    return Err(Broken::new("at-least-once", how));
                }
                log.checked += 1;
            }
        }
        Ok(())
    }

    /// What is still missing of what can be read: bytes that nothing came of, offsets that lag.
    pub fn missing(&self, board: &Board) -> Option<Broken> {
        for (at, log) in self.logs.iter().enumerate() {
            if let Some(bytes) = self.first_unanswered(at) {
                let how = format!("{bytes} were never delivered");
                return Some(Broken::new("at-least-once", how));
            }
            let offset = log
                .key
                .as_ref()
                .and_then(|key| Some(board.watermark(key)?.prefix()));
            let pod = &self.accounts[log.container].pod;
            if log.copies > 0 && offset.is_some_and(|offset| offset < log.len) {
                let how = format!("{pod}: committed {offset:?} of {} bytes", log.len);
                return Some(Broken::new("what is settled is committed", how));
            }
        }
        None
    }
}

impl Account {
    /// By millisecond and then by arrival, as the service shows them; and not even that where a request
    /// was given up.
    fn keep_order(&mut self, number: usize) -> Result<(), Broken> {
        let record = &self.records[number];
        let latest = self.latest_of.entry(record.rank()).or_insert(number);
        if *latest > number && !self.overtaken {
            let how = format!(
                "{}: `{:.40}` came after number {latest}",
                self.pod, record.text
            );
            return Err(Broken::new("order kept within a container", how));
        }
        *latest = number.max(*latest);
        Ok(())
    }
}
