//! Files that hold the same bytes as others: compressed twins of rotated ones, and what `copytruncate` makes
//! before it cuts the original.

use super::Books;
use crate::disk::Node;

impl Books {
    /// `to` holds the same bytes as `from`, in its own way.
    pub fn copied(&mut self, from: Node, to: Node) {
        let log = self.held[&from];
        self.held.insert(to, log);
        self.packed.insert(to);
        self.logs[log].copies += 1;
    }

    /// A file was cut of which so many bytes had been copied; what was written since is lost. What is written
    /// now may come before what is read of the copy.
    pub fn cut_behind_copy(&mut self, node: Node, copied: u64) {
        let log = &mut self.logs[self.held[&node]];
        log.copies -= 1;
        let (container, restart, gone) = (log.container, log.restart, log.copies == 0);
        let account = &mut self.accounts[container];
        account.overtaken = true;
        for &(to, record) in &log.pieces {
            let record = &mut account.records[record];
            record.lost |= (gone || to > copied) && !record.is_accounted_for();
        }
        self.created(node, container, restart);
    }
}
