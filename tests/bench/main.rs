//! The figures of the project: `cargo xtask bench [NAME-PREFIX]`.
//!
//! One JSON line a figure: its name, the median, the unit, and the least and the most of the runs.
//! The agent is the one beside this program, or what `LOGSIEVE_BIN` says.
//! CPU time, not wall time (`latency/*` apart), so a busy machine blurs little; runs of figures that are compared with
//! each other are interleaved, so that a change of the machine's speed meets them alike.

mod agent;
mod boundary;
mod figure;
mod filter_run;
mod guests;
mod instance;
mod isolation;
mod journal;
mod patterns;
mod redaction;
mod sender;
mod swap;

fn main() {
    // `cargo bench` hands over its own flag.
    let prefix = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let wanted = figure::Wanted(prefix.unwrap_or_default());
    boundary::run(&wanted);
    redaction::run(&wanted);
    guests::run(&wanted);
    instance::run(&wanted);
    filter_run::run(&wanted);
    patterns::run(&wanted);
    isolation::run(&wanted);
    journal::run(&wanted);
    sender::run(&wanted);
    swap::run(&wanted);
    agent::run(&wanted);
}
