//! `logsieve filter run`: records from standard input or from real node log files through a filter, and
//! what it made of each, before and after.
//!
//! Everything is a stream: memory is one batch, what the filter holds, and no more, however long the
//! input is.

pub mod input;
mod show;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::bed::{Bed, Subject};
use crate::cli::print;
use crate::clock::{Clock, process_cpu};
use crate::record::{Batch, Facts};
use input::Input;
use show::Show;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Log files of a node (`/var/log/pods/.../0.log`, `.gz` too) or of anything else, a line a
    /// record. Standard input where none is named.
    #[arg(long, short, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Facts about the container, which `origin` tells: `k8s.pod.name=api-0,k8s.namespace.name=shop`.
    /// A node's log file tells some by its path.
    #[arg(long = "as", value_name = "NAME=VALUE", value_delimiter = ',')]
    facts: Vec<String>,
    /// What is written: `text` shows before and after, `json` is an object a record. By default text
    /// on a terminal, else json.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Leaves out the records that the filter let pass unchanged.
    #[arg(long)]
    changes_only: bool,
    /// Shows how far it is, on standard error; on by default where that is a terminal and the records go
    /// elsewhere.
    #[arg(long)]
    progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::telemetry::logs::start(crate::telemetry::logs::Config::default());
    let facts = facts(&args.facts)?;
    let mut bed = args.subject.bed()?;
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let by_default = if terminal { Format::Text } else { Format::Json };
    let json = args.format.unwrap_or(by_default) == Format::Json;
    let mut show = Show::new(
        stdout.lock(),
        json,
        terminal,
        args.changes_only,
        args.subject.routes.clone(),
    );
    // Between records on the same terminal it would only be in their way.
    let by_default = std::io::stderr().is_terminal() && !terminal;
    let mut progress = Progress::new(args.progress || by_default);
    let mut inputs = Vec::new();
    for path in &args.input {
        inputs.push(Input::open(path, &facts)?);
        progress.bytes_all += std::fs::metadata(path).map_or(0, |m| m.len());
    }
    if inputs.is_empty() {
        inputs.push(Input::stdin(&facts));
    }
    for input in inputs {
        let name = input.name.clone();
        let done = through(&mut bed, input, &mut show, &mut progress);
        match done.and_then(|()| Ok(show.flush()?)) {
            // Whoever reads the output has seen enough.
            Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
            done => done.with_context(|| format!("input `{name}`"))?,
        }
    }
    progress.end();
    eprintln!("{}", show.summary(progress.bytes, process_cpu()));
    Ok(ExitCode::SUCCESS)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref().is_some_and(print::is_closed_pipe)
}

/// `NAME=VALUE`, several.
fn facts(given: &[String]) -> anyhow::Result<Facts> {
    let fact = |given: &String| {
        let (name, value) = given
            .split_once('=')
            .with_context(|| format!("`--as`: `{given}` is not NAME=VALUE"))?;
        Ok((name.trim().to_owned(), value.to_owned()))
    };
    given.iter().map(fact).collect()
}

fn through<W: Write>(
    bed: &mut Bed,
    mut input: Input,
    show: &mut Show<W>,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    bed.set_container(&input.facts);
    loop {
        let mut batch = Batch {
            columns: show.spare(),
            receipt: bed.receipt(),
        };
        let more = input.fill(&mut batch)?;
        progress.read(input.take_bytes_read());
        if batch.columns.is_empty() && more {
            batch.receipt.forget();
            continue;
        }
        show.before(&batch);
        let out = bed.pass(batch, !more)?;
        show.after(out)?;
        if !more {
            return Ok(());
        }
    }
}

/// How far it is, now and then.
struct Progress {
    clock: Clock,
    shown: bool,
    next: std::time::Duration,
    bytes: u64,
    /// Of all files; 0 where that is not known.
    bytes_all: u64,
}

/// How often progress is shown.
const SHOW_EVERY: std::time::Duration = std::time::Duration::from_millis(500);

impl Progress {
    fn new(shown: bool) -> Self {
        Self {
            clock: Clock::start(),
            shown,
            next: SHOW_EVERY,
            bytes: 0,
            bytes_all: 0,
        }
    }

    fn read(&mut self, bytes: u64) {
        self.bytes += bytes;
        if !self.shown {
            return;
        }
        let now = self.clock.now().mono;
        if now >= self.next {
            self.next = now + SHOW_EVERY;
            self.show(now);
        }
    }

    fn show(&self, now: std::time::Duration) {
        let of = match self.bytes_all {
            0 => String::new(),
            all => format!(" of {}", mega(all)),
        };
        let speed = self.bytes as f64 / 1e6 / now.as_secs_f64().max(1e-3);
        let cpu = process_cpu().as_secs_f64();
        // Over the line before; a log line in between begins a new one.
        eprint!(
            "\r{}{of} MB, {speed:.0} MB/s, {cpu:.1} s of CPU \r",
            mega(self.bytes)
        );
    }

    fn end(&self) {
        if self.shown {
            self.show(self.clock.now().mono);
            eprintln!("");
        }
    }
}

fn mega(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}
