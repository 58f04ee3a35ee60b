//! `logsieve filter bench`: what a filter costs, in the agent's engine, on records like those of a node.
//!
//! Times are CPU time: of this thread, the median of several runs; for `compile`, of all threads that
//! compile. Fuel is counted on an instance of its own, because counting costs time. A filter that is
//! compared with another takes turns with it, so that a change of the machine's speed meets both alike.

mod corpus;
mod measure;

use std::path::PathBuf;
use std::process::ExitCode;

use super::bed::{self, Subject};
use super::build::size::grouped;
use measure::{Measured, Measuring};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
    /// A log file whose first records are used in place of made-up ones.
    #[arg(long, short)]
    input: Option<PathBuf>,
    /// Another module, which is measured beside it with the same settings.
    #[arg(long)]
    compare: Option<PathBuf>,
    /// Records a second, of which the share of a core is told.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// One JSON object a module.
    #[arg(long)]
    json: bool,
}

/// How often each is measured; odd, so that the median is one of them.
const RUNS: usize = 5;

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    crate::telemetry::logs::start(crate::telemetry::logs::Config::default());
    let records = match &args.input {
        Some(path) => corpus::from_file(path)?,
        None => corpus::made_up(),
    };
    let settings = args.subject.settings()?;
    let limits = bed::limits(args.subject.limits.as_deref())?;
    let modules = std::iter::once(&args.subject.module).chain(&args.compare);
    let measuring =
        modules.map(|module| Measuring::new(module, &settings, &limits, &args.subject.routes));
    let mut measuring = measuring.collect::<anyhow::Result<Vec<_>>>()?;
    for _ in 0..RUNS {
        for one in &mut measuring {
            one.run(&records)?;
        }
    }
    let measured = measuring
        .into_iter()
        .map(|m| m.finish(&records))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if args.json {
        for one in &measured {
            println!("{}", one.json(args.rate));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let bytes = records.text.len() / records.len().max(1);
    println!(
        "{} records of {bytes} bytes on average",
        grouped(records.len())
    );
    show(&measured, args.rate);
    Ok(ExitCode::SUCCESS)
}

type Row<'a> = (&'a str, Box<dyn Fn(&Measured) -> String>);

fn show(measured: &[Measured], rate: u32) {
    let head: Vec<_> = measured.iter().map(|m| m.name.clone()).collect();
    print_row("", &head);
    let share = format!("share of a core at {} records/s", grouped(rate as usize));
    let rows: [Row<'_>; 8] = [
        (
            "CPU a record",
            Box::new(|m| format!("{:.0} ns", m.ns_per_record)),
        ),
        (
            "fuel a record",
            Box::new(|m| grouped(m.fuel_per_record as usize)),
        ),
        (
            "speed",
            Box::new(|m| format!("{:.0} MB/s", m.mb_per_second)),
        ),
        (
            "memory",
            Box::new(|m| format!("{} KiB", grouped(m.memory_bytes / 1024))),
        ),
        (
            "start",
            Box::new(|m| format!("{} us", grouped(m.start.as_micros() as usize))),
        ),
        (
            "compile",
            Box::new(|m| format!("{} ms", grouped(m.compile.as_millis() as usize))),
        ),
        (
            "output for a byte of input",
            Box::new(|m| format!("{:.3} bytes", m.output_ratio)),
        ),
        (
            &share,
            Box::new(move |m| format!("{:.2} %", m.share(rate) * 100.0)),
        ),
    ];
    for (name, value) in rows {
        print_row(name, &measured.iter().map(value).collect::<Vec<_>>());
    }
    if let [one, other] = measured {
        let ratio = one.ns_per_record / other.ns_per_record.max(1e-9);
        println!(
            "{} takes {ratio:.2} times the CPU of {}",
            one.name, other.name
        );
    }
}

fn print_row(name: &str, values: &[String]) {
    let values: Vec<_> = values.iter().map(|value| format!("{value:>20}")).collect();
    println!("  {name:<36}{}", values.concat());
}
