//! Why a setting of Fluent Bit's needs no counterpart, or has none: what is said about each that is
//! not carried over.

use std::collections::BTreeSet;

use super::section::{Entry, Note, Section};

/// Settings that logsieve needs no word about.
const NOT_NEEDED: [(&str, &str); 39] = [
    ("Name", "carried over"),
    ("Match", "carried over"),
    ("Parsers_File", "container log formats are built in"),
    ("Plugins_File", "filters are WebAssembly modules"),
    ("Daemon", "it runs in the foreground"),
    (
        "HTTP_Server",
        "the admin page is on unless `telemetry.listen` is null",
    ),
    ("HTTP_Listen", "see `telemetry.listen`"),
    ("Health_Check", "`/healthz` and `/readyz` always answer"),
    (
        "HC_Errors_Count",
        "health does not depend on the service's answers",
    ),
    (
        "HC_Retry_Failure_Count",
        "health does not depend on the service's answers",
    ),
    (
        "HC_Period",
        "health does not depend on the service's answers",
    ),
    ("storage.path", "the log files on the node are the buffer"),
    ("storage.sync", "the log files on the node are the buffer"),
    (
        "storage.checksum",
        "the log files on the node are the buffer",
    ),
    (
        "storage.backlog.mem_limit",
        "the log files on the node are the buffer",
    ),
    ("storage.type", "the log files on the node are the buffer"),
    ("storage.metrics", "see `/metrics`"),
    (
        "DB",
        "offsets are kept in `state`; those of Fluent Bit are not read",
    ),
    ("DB.locking", "the state folder is locked"),
    ("DB.sync", "checkpoints are synced"),
    (
        "Mem_Buf_Limit",
        "`budget` bounds the memory of the whole agent",
    ),
    (
        "Skip_Long_Lines",
        "long records are split with a marker, never skipped",
    ),
    ("Buffer_Chunk_Size", "see `budget`"),
    (
        "Buffer_Max_Size",
        "see `source.container_log.record_bytes_max`",
    ),
    ("Refresh_Interval", "new files are opened at once"),
    ("Rotate_Wait", "rotated files are read to their end"),
    (
        "Ignore_Older",
        "files are read from the checkpoint on, however old",
    ),
    ("Inotify_Watcher", "folders are watched, not files"),
    ("Docker_Mode", "records that docker split are joined"),
    ("Docker_Mode_Flush", "records that docker split are joined"),
    ("Kube_URL", "the pod's service account says it"),
    ("Kube_CA_File", "the pod's service account says it"),
    ("Kube_Token_File", "the pod's service account says it"),
    ("Kube_Tag_Prefix", "pods are known by the path of their log"),
    ("Buffer_Size", "answers of the API server are not cut"),
    (
        "Use_Kubelet",
        "one watch of the node's pods; no polling, neither here nor there",
    ),
    (
        "Kubelet_Port",
        "one watch of the node's pods; no polling, neither here nor there",
    ),
    (
        "Use_Pod_Association",
        "the entity is made from the pod's own facts",
    ),
    (
        "Kube_Meta_Cache_TTL",
        "facts of pods are kept current by the watch",
    ),
];
const NOT_NEEDED_OUT: [(&str, &str); 10] = [
    ("extra_user_agent", "logsieve names itself"),
    (
        "auto_retry_requests",
        "requests are tried until they are answered",
    ),
    ("Retry_Limit", "nothing is given up: reading waits"),
    ("workers", "see `requests_max` and `lanes`"),
    ("net.keepalive", "connections are kept"),
    (
        "sts_endpoint",
        "the environment of the agent's pod says it: AWS_ENDPOINT_URL_STS",
    ),
    (
        "profile",
        "the environment of the agent's pod says it: AWS_PROFILE",
    ),
    (
        "default_log_group_name",
        "fields that are missing become `unknown`, or what `{fact|text}` says",
    ),
    (
        "default_log_stream_name",
        "fields that are missing become `unknown`, or what `{fact|text}` says",
    ),
    (
        "storage.total_limit_size",
        "the log files on the node are the buffer",
    ),
];

/// Formats of container logs, by Fluent Bit's names.
const FORMATS: [&str; 2] = ["docker", "cri"];

/// Says what becomes of everything that nobody took out of a section.
pub fn leftovers(section: &Section) -> Vec<Note> {
    section.entries.iter().flat_map(leftover).collect()
}

fn is_format(parser: &str) -> bool {
    FORMATS.iter().any(|f| parser.eq_ignore_ascii_case(f))
}

fn leftover(entry: &Entry) -> Vec<Note> {
    if entry.key.eq_ignore_ascii_case("multiline.parser") {
        return multiline(entry);
    }
    one_leftover(entry).into_iter().collect()
}

/// Each parser of a list: container formats are built in, others are a filter's.
fn multiline(entry: &Entry) -> Vec<Note> {
    let parsers = entry.value.split(',').map(str::trim);
    let (formats, others): (Vec<&str>, Vec<&str>) = parsers
        .filter(|p| !p.is_empty())
        .partition(|p| is_format(p));
    let mut notes = Vec::new();
    if !formats.is_empty() {
        let what = format!("{} {}", entry.key, formats.join(", "));
        let why = "both container formats are recognised and joined";
        notes.push(Note::fine(&entry.at, what, why));
    }
    for other in others {
        let what = format!("{} {other}", entry.key);
        let why = format!("{} does it, in `filters` of the routes", joins(other));
        notes.push(Note::lost(&entry.at, what, why));
    }
    notes
}

/// What joins the lines that a parser of this name joined.
fn joins(parser: &str) -> String {
    let parser = parser.to_lowercase();
    match parser.as_str() {
        "java" | "python" | "go" => {
            format!("the ready filter `multiline` with `traces: [{parser}]`")
        }
        _ => "the ready filter `multiline` with a `start` of your own".into(),
    }
}

fn one_leftover(entry: &Entry) -> Option<Note> {
    let what = entry.line();
    if entry.key.eq_ignore_ascii_case("Parser") {
        return Some(match is_format(&entry.value) {
            true => Note::fine(&entry.at, what, "container log formats are built in"),
            false => Note::lost(
                &entry.at,
                what,
                "the ready filter `parse` makes JSON of lines",
            ),
        });
    }
    if entry.key.eq_ignore_ascii_case("Docker_Mode_Parser") {
        let why = "the ready filter `multiline` joins events";
        return Some(Note::lost(&entry.at, what, why));
    }
    let mut known = NOT_NEEDED.iter().chain(&NOT_NEEDED_OUT);
    match known.find(|(key, _)| entry.key.eq_ignore_ascii_case(key)) {
        Some((_, "carried over")) => None,
        Some((_, why)) => Some(Note::fine(&entry.at, what, *why)),
        None => Some(Note::lost(&entry.at, what, "there is no such setting")),
    }
}

/// Why a whole section of this kind and name stays behind.
pub fn whole(section: &Section, name: &str) -> Note {
    let what = format!("[{}] {name}", section.kind.to_uppercase());
    let lost = |why: &str| Note::lost(&section.at, what.trim_end(), why);
    let why = match (section.kind.as_str(), name) {
        ("input", "systemd") => {
            "the journal is read by `source.journal`; see deploy/node-logs.example.yaml"
        }
        ("input", _) => "container logs, the journal and plain files are read",
        ("filter", "aws") => {
            "facts of the instance are no part of a record; the entity names the node"
        }
        ("filter", "lua" | "wasm") => {
            "write it as a filter: `logsieve filter new`, in any language that compiles to WebAssembly"
        }
        ("filter", "multiline") => {
            let parsers = section.entries.iter();
            let parsers = parsers.filter(|e| e.key.eq_ignore_ascii_case("multiline.parser"));
            let names: Vec<&str> = parsers.flat_map(|e| e.value.split(',')).collect();
            let ways: BTreeSet<String> = names.iter().map(|name| joins(name.trim())).collect();
            let ways: Vec<String> = ways.into_iter().collect();
            if ways.is_empty() {
                return lost("the ready filter `multiline` joins events");
            }
            return lost(&format!("{} does it", ways.join(", ")));
        }
        ("filter", "grep") => "the ready filter `drop` leaves records out",
        ("filter", "modify" | "nest" | "record_modifier") => {
            "the ready filter `fields` changes the fields of JSON records"
        }
        ("filter", "parser") => "the ready filter `parse` makes JSON of lines",
        ("filter", "log_to_metrics") => {
            "the ready filter `emf` makes CloudWatch metrics of records"
        }
        ("filter", "throttle") => "the ready filter `rate_limit` limits each container",
        ("filter", _) => "write it as a filter: `logsieve filter new`",
        ("output", _) => "records go to CloudWatch Logs or standard output",
        ("parser" | "multiline_parser", _) => {
            "container formats are built in; for others there are the ready filters `parse` and `multiline`"
        }
        ("plugins", _) => "filters are WebAssembly modules: `logsieve filter new`",
        _ => "there is no such section",
    };
    lost(why)
}
