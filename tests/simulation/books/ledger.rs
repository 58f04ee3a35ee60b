//! The agent's books against these.
//!
//! Between what the agent must name as lost and what it may lie records of which nobody can say: the
//! filter would have dropped them, or they were on their way when their file was cut.

use logsieve::record::ledger::Posted;

use super::{Books, Broken};

impl Books {
    /// What each container's ledger says, at any time.
    pub fn balance(posted: &[Posted]) -> Result<(), Broken> {
        match posted.iter().find(|posted| !posted.ledger.balances()) {
            None => Ok(()),
            Some(Posted {
                container, ledger, ..
            }) => {
                let how = format!("{}: {ledger:?}", container.pod);
                Err(Broken::new("the books balance", how))
            }
        }
    }

    /// What an agent that has run all the time says is lost, once nothing is on its way.
    pub fn agree(&self, posted: &[Posted]) -> Result<(), Broken> {
        for (at, account) in self.accounts.iter().enumerate() {
            let ledger = posted.iter().find(|p| p.container.pod_uid == account.uid);
            let ledger = ledger.map(|posted| posted.ledger).unwrap_or_default();
            let (least, most) = self.lost_bytes(at);
            let open = ledger.unread_bytes + ledger.unsettled_bytes;
            if ledger.lost_bytes < least || ledger.lost_bytes > most || open > 0 {
                let how = format!("{}: {least} to {most} bytes are, {ledger:?}", account.pod);
                return Err(Broken::new("the ledger names what is lost", how));
            }
        }
        Ok(())
    }

    /// What is lost of an account: what the agent saw and nothing came of, and what may be besides.
    fn lost_bytes(&self, account: usize) -> (u64, u64) {
        let records = &self.accounts[account].records;
        let (mut least, mut most) = (0, 0);
        let gone = |log: &&super::Log| log.container == account && log.copies == 0;
        for log in self.logs.iter().filter(gone) {
            for (piece, &(to, record)) in log.pieces.iter().enumerate() {
                let (bytes, record) = (to - log.from(piece), &records[record]);
                let never = record.came == 0 && !record.rejected && !record.unwanted;
                least += if never && to <= log.seen_to { bytes } else { 0 };
                most += if record.lost || record.unwanted {
                    bytes
                } else {
                    0
                };
            }
        }
        (least, most)
    }
}
