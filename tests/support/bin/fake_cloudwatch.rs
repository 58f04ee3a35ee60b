//! The strict CloudWatch Logs as a process: `fake-cloudwatch --listen 127.0.0.1:4599`.
//!
//! Its first line on stdout is `listening on http://...`, so whoever starts it with port 0 learns
//! the port. `GET /_fake/events` and `GET /_fake/requests` show what came. It runs until it is
//! killed.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use support::cloudwatch::{Credentials, FakeCloudWatch, Options, Rule};

/// A strict CloudWatch Logs stand-in: real limits, real signatures, faults by script.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The region that requests must be signed for
    #[arg(long, default_value = "eu-central-1")]
    region: String,
    /// The access key that it knows
    #[arg(long, default_value = "AKIATEST")]
    access_key: String,
    /// The secret that belongs to the access key
    #[arg(long, default_value = "secret")]
    secret_key: String,
    /// A JSON file with faults: a list of rules
    #[arg(long)]
    script: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let script: Vec<Rule> = match &arguments.script {
        None => Vec::new(),
        Some(path) => {
            let text =
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("script {}", path.display()))?
        }
    };
    let fake = FakeCloudWatch::start_with(Options {
        listen: arguments.listen,
        region: Some(arguments.region),
        credentials: vec![Credentials::new(
            &arguments.access_key,
            &arguments.secret_key,
        )],
        script,
        clock_ahead_ms: 0,
    })?;
    println!("listening on {}", fake.url());
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
