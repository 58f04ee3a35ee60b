//! The project's own CloudWatch Logs stand-in, as a process. It checks signatures and limits as the
//! service does, and tells what it stored.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// The keys that it knows: requests signed with others are refused.
pub const ACCESS_KEY: &str = "AKIADEMO";
pub const SECRET_KEY: &str = "demo-secret";

/// Ends when it is dropped.
pub struct StandIn {
    pub address: String,
    process: Child,
}

/// One event as the stand-in stored it.
#[derive(Debug, serde::Deserialize)]
pub struct Event {
    pub group: String,
    pub stream: String,
    pub message: String,
}

impl StandIn {
    pub fn start(binary: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(binary)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--access-key",
                ACCESS_KEY,
                "--secret-key",
                SECRET_KEY,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut first = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut first)?;
        }
        let address = first
            .trim()
            .strip_prefix("listening on http://")
            .map(str::to_owned);
        let address = address.with_context(|| format!("the stand-in said `{}`", first.trim()))?;
        Ok(Self { address, process })
    }

    /// What it stored, in the order in which it came.
    pub fn events(&self) -> anyhow::Result<Vec<Event>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET /_fake/events HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
        let lines = body.lines().filter(|line| line.starts_with('{'));
        lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
