//! Why a setting of Fluent Bit's needs no counterpart, or has none: what is said about each that is
//! not carried over.

use super::section::{Entry, Note, Section};

/// Settings that logsieve needs no word about.
const NOT_NEEDED: [(&str, &str); 41] = [
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
    (
        "multiline.parser",
        "both container formats are recognised and joined",
    ),
    ("Docker_Mode", "records that docker split are joined"),
    ("Docker_Mode_Flush", "records that docker split are joined"),
    (
        "Docker_Mode_Parser",
        "the ready filter `multiline` joins events",
    ),
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

/// Says what becomes of everything that nobody took out of a section.
pub fn leftovers(section: &Section) -> Vec<Note> {
    section.entries.iter().filter_map(leftover).collect()
}

fn leftover(entry: &Entry) -> Option<Note> {
    let what = entry.line();
    if entry.key.eq_ignore_ascii_case("Parser") {
        let is_built_in = ["docker", "cri"]
            .iter()
            .any(|format| entry.value.eq_ignore_ascii_case(format));
        return Some(match is_built_in {
            true => Note::fine(&entry.at, what, "container log formats are built in"),
            false => Note::lost(
                &entry.at,
                what,
                "the ready filter `parse` makes JSON of lines",
            ),
        });
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
        ("filter", "multiline") => "the ready filter `multiline` joins events",
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
        _ => "there is no such section",
    };
    Note::lost(
        &section.at,
        format!("[{}] {name}", section.kind.to_uppercase()),
        why,
    )
}
