//! `cargo xtask demo`: a node's logs through real filters to a CloudWatch stand-in, and what became
//! of each record.
//!
//! Everything is real but the service: log files as the kubelet lays them out, the agent as a
//! process, filters as compiled modules, signed HTTP. What is shown as sent is what the stand-in
//! stored.

mod node;
mod show;
mod stand_in;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::run::{root, say};
use crate::{build, wasm};
use stand_in::StandIn;

/// The demo ends by itself, whatever goes wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds, runs, and shows; fails when not all records arrive.
pub fn demo() -> anyhow::Result<()> {
    say("1 of 3: filters (WebAssembly)");
    let built = wasm::build_all()?;
    say("2 of 3: the agent");
    build::workspace()?;
    say("3 of 3: a node's logs through the agent");
    let folder = root().join("target/demo");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("folder `{}`", folder.display()))?;
    let lines = node::lay_out(&folder)?;
    let stand_in = StandIn::start(&bin("fake-cloudwatch"))?;
    let config = node::configure(&folder, &stand_in.address, &built.filters)?;
    let agent = Agent(
        Command::new(bin("logsieve"))
            .args(["run", "--config"])
            .arg(&config)
            .env("AWS_ACCESS_KEY_ID", stand_in::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", stand_in::SECRET_KEY)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.join("agent.log"))?)
            .spawn()
            .context("cannot start the agent")?,
    );
    let expected = lines.iter().filter(|line| line.arrives).count();
    let sent = arrived(&stand_in, expected)
        .with_context(|| format!("the agent's log is {}", folder.join("agent.log").display()))?;
    drop(agent);
    show::compare(&lines, &sent);
    show::next_steps(&config);
    Ok(())
}

/// Stops when it is dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn bin(name: &str) -> PathBuf {
    root().join("target/debug").join(name)
}

fn arrived(stand_in: &StandIn, expected: usize) -> anyhow::Result<Vec<stand_in::Event>> {
    let started = Instant::now();
    loop {
        let events = stand_in.events()?;
        if events.len() >= expected {
            return Ok(events);
        }
        if started.elapsed() > PATIENCE {
            bail!(
                "{} of {expected} records arrived within {PATIENCE:?}",
                events.len()
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
