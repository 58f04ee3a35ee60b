//! `logsieve status`: what a running agent says of itself on `/status`, as a table for people.
//!
//! It asks over plain HTTP on the loopback interface, from inside the agent's pod.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytesize::ByteSize;

use super::print::is_closed_pipe;
use crate::record::status::{
    ContainerStatus, DestinationStatus, Failing, FilterStatus, State, Status, UnreadableStatus,
};

/// How long the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks with `--watch`.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// Moves to the corner of a terminal and clears it.
const CLEAR: &str = "\x1b[H\x1b[2J";

#[derive(Debug, clap::Args)]
pub struct Command {
    /// Where the agent listens (`telemetry.listen`).
    #[arg(long, default_value = "127.0.0.1:9880")]
    at: SocketAddr,
    /// Show it again and again.
    #[arg(long, short)]
    watch: bool,
    /// Show the agent's answer as it is.
    #[arg(long, conflicts_with = "watch")]
    json: bool,
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    loop {
        let answer = ask(command.at)?;
        if command.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        let status: Status = serde_json::from_str(&answer).context("the agent's answer")?;
        if !command.watch {
            print!("{}", table(&status));
            return Ok(ExitCode::SUCCESS);
        }
        print!("{CLEAR}{}", table(&status));
        match std::io::stdout().flush() {
            Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
            flushed => flushed?,
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn ask(at: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE).with_context(|| {
        format!("no agent answers at {at} (is it running, with `telemetry.listen` on?)")
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer comes whole, and ends with the connection.
    write!(stream, "GET /status HTTP/1.0\r\nHost: {at}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let first = head.lines().next().unwrap_or_default();
    if !first.contains(" 200 ") {
        bail!("{at} answers `{first}`");
    }
    Ok(body.to_owned())
}

/// The status as people read it.
#[must_use]
pub fn table(status: &Status) -> String {
    let ready = if status.ready { "ready" } else { "not ready" };
    let pods = match (status.pods.watched, status.pods.listed) {
        (false, _) => "pods are not watched".to_owned(),
        (true, false) => "pods are not known yet".to_owned(),
        (true, true) => format!("{} pods known", status.pods.known),
    };
    let budget = status.budget;
    let node = match status.node.as_str() {
        "" => String::new(),
        node => format!(" on {node}"),
    };
    let mut text = format!(
        "logsieve {}{node}: {ready}, {pods}, {} of {} held\n",
        status.version,
        ByteSize(budget.used_bytes),
        ByteSize(budget.limit_bytes),
    );
    if status.silent_lanes > 0 {
        text += &format!("{} lanes do not answer\n", status.silent_lanes);
    }
    text.push('\n');
    text += &filters(&status.filters);
    text += &failing(&status.destinations);
    let head = [
        "CONTAINER",
        "STATE",
        "LAG",
        "READ",
        "DELIVERED",
        "DISCARDED",
        "QUARANTINED",
        "REJECTED",
        "LOST",
        "FILTERS",
        "TO",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    let mut containers: Vec<&ContainerStatus> = status.containers.iter().collect();
    // Those that are furthest behind first.
    containers.sort_by_key(|c| {
        (
            std::cmp::Reverse(c.lag_bytes),
            &c.namespace,
            &c.pod,
            &c.container,
        )
    });
    rows.extend(containers.iter().map(|c| row(c)));
    text += &aligned(&rows);
    for c in containers {
        if let Some(why) = &c.why {
            text += &format!("\n{}: {why}\n", c.label());
        }
    }
    for UnreadableStatus { path, why } in &status.unreadable {
        text += &format!("\n{path} cannot be read: {why}\n");
    }
    text
}

/// The filters, and why what is there of one is refused; empty where there are none.
fn filters(filters: &[FilterStatus]) -> String {
    if filters.is_empty() {
        return String::new();
    }
    let mut rows = vec![["FILTER", "MODULE", "RECORDS", "QUARANTINED"].map(str::to_owned)];
    rows.extend(filters.iter().map(|filter| {
        let hash = filter
            .sha256
            .as_deref()
            .map_or("waits for its module", |h| h.get(..12).unwrap_or(h));
        [
            filter.name.clone(),
            hash.to_owned(),
            filter.records.to_string(),
            filter.quarantined.to_string(),
        ]
    }));
    let mut text = aligned(&rows);
    for filter in filters {
        if let Some(why) = &filter.refused {
            text += &format!("\n{}: what is there now is refused: {why}\n", filter.name);
        }
    }
    text.push('\n');
    text
}

/// Where records do not arrive, and why; empty where all is well.
fn failing(destinations: &[DestinationStatus]) -> String {
    let mut text = String::new();
    for destination in destinations {
        for Failing { log_group, why } in &destination.failing {
            let name = &destination.name;
            text += &format!("{name}: nothing arrives in {log_group}: {why}\n");
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn row(c: &ContainerStatus) -> [String; 11] {
    let state = match c.state {
        State::Reads => "reads",
        State::Skips => "excluded",
        State::Waits => "waits",
        State::Blocked => "blocked",
    };
    let lag = match (c.lag_bytes, c.lag_seconds) {
        (0, _) => "-".to_owned(),
        (bytes, None) => ByteSize(bytes).to_string(),
        (bytes, Some(seconds)) => format!("{}, {seconds} s", ByteSize(bytes)),
    };
    let ledger = c.ledger.unwrap_or_default();
    let records = ledger.records;
    // To the byte: whoever looks for what is missing counts.
    let least = if ledger.lost_at_least {
        "at least "
    } else {
        ""
    };
    let lost = format!("{least}{} B", ledger.lost_bytes);
    let or_dash = |list: &[String]| {
        if list.is_empty() {
            "-".to_owned()
        } else {
            list.join(",")
        }
    };
    [
        c.label(),
        state.to_owned(),
        lag,
        ledger.read.records.to_string(),
        records.delivered.records.to_string(),
        records.discarded.records.to_string(),
        records.quarantined.records.to_string(),
        records.rejected.records.to_string(),
        lost,
        or_dash(&c.filters),
        or_dash(&c.destinations),
    ]
}

/// Columns as wide as their widest cell.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line: Vec<String> = cells.collect();
        text += line.join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::status::FileStatus;

    #[test]
    fn a_lag_has_an_age_once_something_was_read() {
        let file = FileStatus {
            length: 4096,
            ..FileStatus::default()
        };
        let second = 1_000_000_000;
        let lag =
            |newest| row(&ContainerStatus::of_files(vec![file], newest, 9 * second))[2].clone();
        assert_eq!(lag(0), "4.0 KiB");
        assert_eq!(lag(2 * second), "4.0 KiB, 7 s");
    }

    #[test]
    fn the_table_says_why_what_is_there_now_is_refused() {
        let filter = FilterStatus {
            name: "redact".into(),
            sha256: Some("0123456789abcdef".into()),
            refused: Some("it is torn".into()),
            ..FilterStatus::default()
        };
        let status = Status {
            filters: vec![filter],
            ..Status::default()
        };
        let text = table(&status);
        assert!(
            text.contains("redact: what is there now is refused: it is torn"),
            "{text}"
        );
    }
}
