//! What came in: bytes, records and files, and what became of them, over all containers of the node.
//! What became of each container's own is in its books.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What came in.
#[derive(Default, Clone)]
pub struct SourceMetrics {
    pub read_bytes: Counter,
    pub records: Counter,
    pub undecoded_lines: Counter,
    pub split_records: Counter,
    pub open_files: Gauge<i64>,
    /// What deleted files keep on the node's disk, over all lanes: they are given up by it.
    pub pinned_bytes: Gauge<i64>,
    pub lost_bytes: Counter,
    /// Of these the bytes lost are a least number.
    pub losses_at_least: Counter,
    /// Entries of the journal.
    pub lost_entries: Counter,
    pub settled_bytes: Counter,
    pub read_again_bytes: Counter,
    pub blocked_containers: Gauge<i64>,
    pub read_failures: Counter,
    pub unreadable_files: Gauge<i64>,
    pub blind: Gauge<i64>,
}

impl SourceMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        let s = self;
        let mut counter = |name: &str, help: &str, c: &Counter<u64, AtomicU64>| {
            r.register(name, help, c.clone());
        };
        counter(
            "tail_read_bytes",
            "Bytes of log files taken, bytes read again included",
            &s.read_bytes,
        );
        counter("tail_records", "Records decoded", &s.records);
        counter(
            "tail_undecoded_lines",
            "Lines in no known format, forwarded as they are",
            &s.undecoded_lines,
        );
        counter(
            "tail_split_records",
            "Parts of records too long to be joined",
            &s.split_records,
        );
        counter(
            "tail_lost_bytes",
            "Bytes seen in a log file and gone before they were settled",
            &s.lost_bytes,
        );
        counter(
            "tail_losses_at_least",
            "Losses of more, perhaps, than was counted as lost bytes: nobody saw how much stood there",
            &s.losses_at_least,
        );
        counter(
            "journal_lost_entries",
            "Entries of the journal that were damaged, or deleted before they were read",
            &s.lost_entries,
        );
        counter(
            "tail_settled_bytes",
            "Bytes delivered, discarded, rejected or quarantined",
            &s.settled_bytes,
        );
        counter(
            "tail_read_again_bytes",
            "Bytes abandoned, to be read again",
            &s.read_again_bytes,
        );
        counter(
            "tail_read_failures",
            "Log files or folders that could not be read",
            &s.read_failures,
        );
        self.register_gauges(r);
    }

    fn register_gauges(&self, r: &mut Registry) {
        let s = self;
        let mut gauge = |name: &str, help: &str, g: &Gauge<i64>| r.register(name, help, g.clone());
        gauge("tail_open_files", "Log files held open", &s.open_files);
        gauge(
            "tail_unreadable_files",
            "Files and folders that could not be read lately; `logsieve status` says why",
            &s.unreadable_files,
        );
        gauge(
            "tail_pinned_bytes",
            "Bytes of deleted log files that the agent keeps on the disk",
            &s.pinned_bytes,
        );
        gauge(
            "tail_blocked_containers",
            "Containers whose reading a failing filter stops",
            &s.blocked_containers,
        );
        gauge(
            "tail_unwatched_sources",
            "Sources of which the kernel does not watch every folder, and which are listed every second instead",
            &s.blind,
        );
    }
}
