//! The journal in these books: which entry of which file is whose, and what the checkpoint has to know of
//! each. A restart may repeat what its checkpoint says is not settled, and nothing else; a request that
//! is given up may be read again, and nothing that others brought.

use std::collections::BTreeMap;

use logsieve::checkpoint::store::{Entries, FileKey, Left};
use logsieve::record::ledger::Posted;

use super::{Account, Books, Broken, Record};
use crate::disk::Node;
use crate::journald::{Journald, UNFILTERED};

/// A file of the journal.
pub struct File {
    key: FileKey,
    pieces: Vec<Piece>,
    /// Pieces at its start that are all accounted for.
    done: usize,
    /// It was deleted, and its reader had last seen it so long.
    gone: Option<u64>,
}

/// One entry.
pub struct Piece {
    pub from: u64,
    pub to: u64,
    pub account: usize,
    pub record: usize,
}

impl Piece {
    /// Whether the checkpoint has it as unread, or as not settled.
    fn is_open(&self, offset: u64, left: &[Left], unit: &str) -> bool {
        let of_unit = |l: &Left| l.unit == unit && l.from <= self.from;
        self.to > offset || left.iter().any(of_unit)
    }
}

impl Books {
    /// A unit's records, whose stream has its name.
    pub fn open_unit(&mut self, unit: &str) {
        let account = self.open_account(unit, "");
        self.accounts[account].is_unit = true;
    }

    pub fn opened_journal(&mut self, node: Node, folder: &str, file_id: &[u8; 16]) {
        let key = FileKey::of_journal(folder, file_id);
        let file = File {
            key,
            pieces: Vec::new(),
            done: 0,
            gone: None,
        };
        self.journal.insert(node, file);
    }

    pub fn wrote_entry(&mut self, node: Node, piece: Piece) {
        if let Some(file) = self.journal.get_mut(&node) {
            file.pieces.push(piece);
        }
    }

    /// journald deleted a file, and what it held.
    pub fn vacuumed(&mut self, node: Node, seen_to: u64) {
        let Some(file) = self.journal.get_mut(&node) else {
            return;
        };
        file.gone = Some(seen_to);
        for piece in &file.pieces {
            let record = &mut self.accounts[piece.account].records[piece.record];
            record.lost |= !record.is_accounted_for();
        }
    }

    /// A checkpoint is saved: what it has as settled came, or was dropped, refused or lost, and of a unit
    /// of which all came it has nothing as open.
    pub fn saved(&mut self, checkpoint: &Entries) -> Result<(), Broken> {
        for file in self.journal.values_mut().filter(|f| f.gone.is_none()) {
            let Some(known) = checkpoint.get(&file.key) else {
                continue;
            };
            let record = |piece: &Piece| &self.accounts[piece.account].records[piece.record];
            let mut unanswered: BTreeMap<&str, bool> = BTreeMap::new();
            for piece in file.pieces.iter().filter(|piece| piece.to <= known.offset) {
                let unit = self.accounts[piece.account].pod.as_str();
                let open = piece.is_open(known.offset, &known.left, unit);
                if !open && !record(piece).is_accounted_for() {
                    let how = format!(
                        "{unit} bytes {}..{} (`{:.40}`) are settled in the checkpoint ({}, {:?}) and never came",
                        piece.from,
                        piece.to,
                        record(piece).text,
                        known.offset,
                        known.left
                    );
                    return Err(Broken::new("at-least-once", how));
                }
                *unanswered.entry(unit).or_default() |= !record(piece).is_answered();
            }
            let all_came = |unit: &&str| unanswered.get(unit).is_none_or(|open| !open);
            let mut done = UNFILTERED.iter().copied().filter(all_came);
            if let Some(unit) = done.find(|unit| known.left.iter().any(|l| l.unit == *unit)) {
                let how = format!("{unit}: all came, and {:?} is left", known.left);
                return Err(Broken::new("what is settled is committed", how));
            }
        }
        Ok(())
    }

    /// An agent starts with this: what may come again.
    pub fn restarts_with(&mut self, checkpoint: Option<&Entries>) {
        for file in self.journal.values() {
            let known = checkpoint.and_then(|entries| entries.get(&file.key));
            for piece in &file.pieces {
                let account = &mut self.accounts[piece.account];
                let may = known.is_none_or(|k| piece.is_open(k.offset, &k.left, &account.pod));
                let record = &mut account.records[piece.record];
                record.may_come_again |= may;
                record.answered &= !may;
            }
        }
    }

    /// An entry that nothing came of.
    pub fn missing_entry(&mut self) -> Option<Broken> {
        for file in self.journal.values_mut() {
            while let Some(piece) = file.pieces.get(file.done) {
                let account: &Account = &self.accounts[piece.account];
                let record: &Record = &account.records[piece.record];
                if !record.is_accounted_for() {
                    let (from, to, text) = (piece.from, piece.to, &record.text);
                    let how = format!(
                        "{} bytes {from}..{to} (`{text:.40}`) never came",
                        account.pod
                    );
                    return Some(Broken::new("at-least-once", how));
                }
                file.done += 1;
            }
        }
        None
    }

    /// What an agent that has run all the time says is lost of the journal.
    pub fn agree_on_journal(&self, posted: &[Posted]) -> Result<(), Broken> {
        let folder = Journald::folder();
        let ledger = posted.iter().find(|p| p.container.pod_uid == folder);
        let ledger = ledger.map(|posted| posted.ledger).unwrap_or_default();
        let (mut least, mut most) = (0, 0);
        for file in self.journal.values() {
            let Some(seen_to) = file.gone else { continue };
            for piece in &file.pieces {
                let record = &self.accounts[piece.account].records[piece.record];
                let bytes = piece.to - piece.from;
                let never = record.came == 0 && !record.rejected && !record.unwanted;
                least += if never && piece.to <= seen_to {
                    bytes
                } else {
                    0
                };
                most += if never || record.unwanted { bytes } else { 0 };
            }
        }
        let open = ledger.unread_bytes + ledger.unsettled_bytes;
        if ledger.lost_bytes < least || ledger.lost_bytes > most || open > 0 {
            let how = format!("{folder}: {least} to {most} bytes are, {ledger:?}");
            return Err(Broken::new("the ledger names what is lost", how));
        }
        Ok(())
    }
}
