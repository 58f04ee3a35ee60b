//! The agent's books of each container, as it tells them on `/metrics`, on `/status` and in the table of
//! `logsieve status`, held against what a verifier found.
//!
//! Books begin anew with each run of the agent. So they are held against what arrived since it was
//! started; and where another run was before it, whose last requests may have arrived late, that is only
//! the most that this one can have delivered.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::agent::finish;

/// The books of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    pub seen_bytes: u64,
    pub settled_bytes: u64,
    pub unsettled_bytes: u64,
    pub unread_bytes: u64,
    pub lost_bytes: u64,
    /// Records.
    pub read: u64,
    pub fates: Fates,
}

/// What became of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    pub delivered: u64,
    pub discarded: u64,
    pub quarantined: u64,
    pub rejected: u64,
}

impl Fates {
    fn all(&self) -> u64 {
        self.delivered + self.discarded + self.quarantined + self.rejected
    }
}

/// By container, as `namespace/pod/container`. Pods of one name are one.
pub type Books = BTreeMap<String, Ledger>;

/// All that an agent tells.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub metrics: Books,
    /// Of containers that are followed at the moment.
    pub status: Books,
    /// Records read, lost bytes, and fates, as the table has them.
    pub table: BTreeMap<String, (u64, u64, Fates)>,
}

/// What a verifier found of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Different records that arrived since the agent was started.
    pub arrived: u64,
    /// Records of the agent itself among what arrived since then.
    pub markers: u64,
    /// Records that never came, and the bytes of their lines.
    pub lost: u64,
    pub lost_bytes: u64,
}

/// What a run of the agent can be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exact {
    /// There was no other run before it, and no filter adds or joins records.
    Yes,
    No,
}

impl Told {
    /// Asks a running agent for its metrics.
    pub fn metrics(address: SocketAddr) -> Self {
        Self {
            metrics: of_metrics(&page(address, "/metrics")),
            ..Self::default()
        }
    }

    /// Asks for its status as well, as a person does.
    #[must_use]
    pub fn and_status(self, address: SocketAddr) -> Self {
        let status = finish(["status", "--json", "--at", &address.to_string()]).stdout;
        let table = finish(["status", "--at", &address.to_string()]).stdout;
        Self {
            status: of_status(&serde_json::from_str(&status).unwrap_or_default()),
            table: of_table(&table),
            ..self
        }
    }

    /// Holds what is told against what was found, once nothing is on its way. Says what is wrong.
    pub fn check(&self, found: &BTreeMap<String, Found>, exact: Exact) -> Result<(), String> {
        for (name, ledger) in &self.metrics {
            let parts = ledger.settled_bytes + ledger.unsettled_bytes + ledger.unread_bytes;
            if ledger.seen_bytes != parts + ledger.lost_bytes {
                return Err(format!("{name}: the books do not balance: {ledger:?}"));
            }
        }
        for (name, found) in found {
            let Some(ledger) = self.metrics.get(name) else {
                return Err(format!("{name}: there are no books of it"));
            };
            ledger
                .check(found, exact)
                .map_err(|wrong| format!("{name}: {wrong}: {ledger:?}, {found:?}"))?;
        }
        self.agrees()
    }

    /// Whether the same is told everywhere, of containers that are followed.
    fn agrees(&self) -> Result<(), String> {
        for (name, ledger) in &self.status {
            let metrics = self.metrics.get(name).copied().unwrap_or_default();
            let row = (ledger.read, ledger.lost_bytes, ledger.fates);
            if self.table.get(name) != Some(&row) {
                let shown = self.table.get(name);
                return Err(format!("{name}: the table has {shown:?}, not {ledger:?}"));
            }
            // Books of a former pod of this name are in the metrics a while longer.
            if metrics.seen_bytes <= ledger.seen_bytes && metrics != *ledger {
                return Err(format!(
                    "{name}: the metrics have {metrics:?}, not {ledger:?}"
                ));
            }
        }
        Ok(())
    }
}

impl Ledger {
    fn check(&self, found: &Found, exact: Exact) -> Result<(), &'static str> {
        if self.unsettled_bytes + self.unread_bytes > 0 {
            return Err("something is on its way");
        }
        if found.lost == 0 && self.lost_bytes > 0 {
            return Err("it names a loss, and nothing is lost");
        }
        if self.lost_bytes < found.lost_bytes {
            return Err("it names less than is lost");
        }
        let (Fates { delivered, .. }, came) = (self.fates, found.arrived + found.markers);
        if delivered > came || (exact == Exact::Yes && delivered < came) {
            return Err("what is delivered is not what arrived");
        }
        if exact == Exact::Yes && self.read + found.markers != self.fates.all() {
            return Err("not every record that was read came to an ending");
        }
        Ok(())
    }
}

/// A page of the agent; nothing while it is not up.
pub fn page(address: SocketAddr, path: &str) -> String {
    let mut page = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .expect("a request can be sent");
        stream.read_to_string(&mut page).expect("the page is text");
    }
    page
}

/// The books in `/metrics`.
pub fn of_metrics(page: &str) -> Books {
    let mut books = Books::new();
    let samples = page.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("logsieve_container_")?.split_once('{')?;
        let (labels, value) = rest.rsplit_once("} ")?;
        Some((name, labels, value.parse::<u64>().ok()?))
    });
    for (name, labels, value) in samples {
        let label = |name: &str| {
            let mut labels = labels.split("\",");
            let value = labels.find_map(|l| l.strip_prefix(name)?.strip_prefix("=\""));
            value.unwrap_or_default().trim_end_matches('"')
        };
        let pod = [label("namespace"), label("pod"), label("container")].join("/");
        let ledger = books.entry(pod).or_default();
        let place = match (name, label("book"), label("fate")) {
            ("bytes_total", "seen", _) => &mut ledger.seen_bytes,
            ("bytes_total", "settled", _) => &mut ledger.settled_bytes,
            ("bytes_total", "lost", _) => &mut ledger.lost_bytes,
            ("waiting_bytes", "unsettled", _) => &mut ledger.unsettled_bytes,
            ("waiting_bytes", "unread", _) => &mut ledger.unread_bytes,
            ("records_total", _, "read") => &mut ledger.read,
            ("records_total", _, "delivered") => &mut ledger.fates.delivered,
            ("records_total", _, "discarded") => &mut ledger.fates.discarded,
            ("records_total", _, "quarantined") => &mut ledger.fates.quarantined,
            ("records_total", _, "rejected") => &mut ledger.fates.rejected,
            _ => continue,
        };
        *place = value;
    }
    books
}

/// The books in `/status`.
pub fn of_status(status: &Value) -> Books {
    let mut books = Books::new();
    for container in status["containers"].as_array().into_iter().flatten() {
        let word = |name: &str| container[name].as_str().unwrap_or_default();
        let name = [word("namespace"), word("pod"), word("container")].join("/");
        let told = &container["ledger"];
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let records = |fate: &str| number(&told["records"][fate]["records"]);
        let ledger = books.entry(name).or_default();
        ledger.seen_bytes += number(&told["seen_bytes"]);
        ledger.settled_bytes += number(&told["settled_bytes"]);
        ledger.unsettled_bytes += number(&told["unsettled_bytes"]);
        ledger.unread_bytes += number(&told["unread_bytes"]);
        ledger.lost_bytes += number(&told["lost_bytes"]);
        ledger.read += number(&told["read"]["records"]);
        ledger.fates.delivered += records("delivered");
        ledger.fates.discarded += records("discarded");
        ledger.fates.quarantined += records("quarantined");
        ledger.fates.rejected += records("rejected");
    }
    books
}

/// What the table of `logsieve status` has of each container, by the words of its head.
fn of_table(text: &str) -> BTreeMap<String, (u64, u64, Fates)> {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|c| !c.is_empty());
        cells.map(str::to_owned).collect()
    };
    let mut lines = text.lines().skip_while(|l| !l.starts_with("CONTAINER"));
    let head = cells(lines.next().unwrap_or_default());
    let mut table: BTreeMap<String, (u64, u64, Fates)> = BTreeMap::new();
    for line in lines.take_while(|l| !l.is_empty()) {
        let cells = cells(line);
        let number = |name: &str| -> u64 {
            let at = head.iter().position(|h| h == name);
            let cell = at.and_then(|at| cells.get(at)).map_or("", String::as_str);
            let digits = cell.trim_start_matches("at least ").trim_end_matches(" B");
            digits.parse().unwrap_or(u64::MAX)
        };
        let (read, lost, fates) = table.entry(cells[0].clone()).or_default();
        *read += number("READ");
        *lost += number("LOST");
        fates.delivered += number("DELIVERED");
        fates.discarded += number("DISCARDED");
        fates.quarantined += number("QUARANTINED");
        fates.rejected += number("REJECTED");
    }
    table
}
