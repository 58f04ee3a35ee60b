//! A node's log folder with a handful of records in it, and the agent's configuration for it. The lines
//! are laid out as the kubelet and containerd do, one of them in pieces.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A record that a container printed.
pub struct Line {
    pub container: &'static str,
    pub text: String,
    /// It is to be found at the other end, whatever filters make of it.
    pub arrives: bool,
}

/// Container, output, text, and whether `drop` lets it through.
const LINES: [(&str, &str, &str, bool); 11] = [
    (
        "payments/api-0/app",
        "stdout",
        r#"{"level":"info","msg":"order 1042 accepted","ms":12}"#,
        true,
    ),
    (
        "payments/api-0/app",
        "stdout",
        r#"{"level":"info","msg":"charge","card":"4111 1111 1111 1111"}"#,
        true,
    ),
    (
        "payments/api-0/app",
        "stdout",
        r#"{"level":"info","msg":"order 4111111111111112 packed"}"#,
        true,
    ),
    (
        "payments/api-0/app",
        "stderr",
        "receipt sent to jane.doe@example.com",
        true,
    ),
    (
        "payments/api-0/app",
        "stdout",
        r#"{"level":"debug","msg":"cache miss for cart 77"}"#,
        false,
    ),
    (
        "shop/web-7d9f/nginx",
        "stdout",
        r#"10.0.3.7 - - "GET /healthz HTTP/1.1" 200 2"#,
        false,
    ),
    (
        "shop/web-7d9f/nginx",
        "stdout",
        r#"10.0.3.7 - - "GET /cart HTTP/1.1" 200 5120"#,
        true,
    ),
    (
        "shop/web-7d9f/nginx",
        "stderr",
        "upstream said: Authorization: Bearer eyJhbGciOi.J9kZW1v.c2ln",
        true,
    ),
    (
        "shop/web-7d9f/nginx",
        "stderr",
        "uploading with AKIAIOSFODNN7EXAMPLE",
        true,
    ),
    ("shop/worker-0/job", "stdout", "LONG", true),
    ("shop/worker-0/job", "stdout", "job 12 done in 4.2 s", true),
];

/// containerd splits longer lines into pieces of this size.
const PIECE_BYTES: usize = 16_384;

/// Writes the containers' logs as the kubelet and containerd do.
pub fn lay_out(folder: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, (container, stream, text, arrives)) in LINES.into_iter().enumerate() {
        let text = match text {
            "LONG" => format!(
                "a line of 20,000 bytes that containerd split: {}",
                "x".repeat(19_954)
            ),
            text => text.to_owned(),
        };
        print(folder, container, stream, number, &text)?;
        lines.push(Line {
            container,
            text,
            arrives,
        });
    }
    Ok(lines)
}

fn print(
    folder: &Path,
    container: &str,
    stream: &str,
    number: usize,
    text: &str,
) -> anyhow::Result<()> {
    let parts: Vec<&str> = container.split('/').collect();
    let [namespace, pod, name] = parts[..] else {
        anyhow::bail!("`{container}` is no container");
    };
    let uid = format!("0f1c2d3e-0000-4000-8000-{:012}", pod.len());
    let logs = folder.join(format!("pods/{namespace}_{pod}_{uid}/{name}"));
    fs::create_dir_all(&logs).with_context(|| format!("folder `{}`", logs.display()))?;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(logs.join("0.log"))?;
    let mut pieces = text.as_bytes().chunks(PIECE_BYTES).peekable();
    let time = now_ns() + number as u64 * 1_000_000;
    while let Some(piece) = pieces.next() {
        let tag = if pieces.peek().is_some() { "P" } else { "F" };
        let piece = String::from_utf8_lossy(piece);
        let line = format!("{} {stream} {tag} {piece}\n", rfc3339(time));
        std::io::Write::write_all(&mut file, line.as_bytes())?;
    }
    Ok(())
}

fn now_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(0))
}

/// Howard Hinnant's `civil_from_days`; a date library would make xtask build longer.
fn rfc3339(ns: u64) -> String {
    let (seconds, nanos) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{nanos:09}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Writes the agent's configuration.
pub fn configure(folder: &Path, service: &str, filters: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("logsieve.yaml");
    let text = format!(
        "\
state: {folder}/state
source:
  container_log: {{ path: {folder}/pods, links: {folder}/containers }}
enrich: {{ cluster: demo, node: node-1 }}
filters:
  directories: [{filters}]
  modules:
    drop:
      settings: {{ drop: {{ contains: ['\"level\":\"debug\"', 'GET /healthz'] }} }}
    redact:
      settings: {{ card_keeps_last_four: true }}
destinations:
  main:
    cloudwatch:
      region: eu-central-1
      endpoint: http://{service}
      log_group: '/eks/{{k8s.cluster.name}}/{{k8s.namespace.name}}'
      log_stream: '{{k8s.pod.name}}/{{k8s.container.name}}'
      format: text
      flush_after: 200ms
routes:
  - {{ filters: [drop, redact], destination: main }}
telemetry: {{ listen: null }}
",
        folder = folder.display(),
        filters = filters.display(),
    );
    fs::write(&path, text).with_context(|| format!("`{}`", path.display()))?;
    Ok(path)
}
