//! Deterministic simulation: lane, receipts, discovery and checkpoint against a node, a kubelet and a
//! service that are played in virtual time, with faults that a seed chooses.
//!
//! `SIM_SEED=8821 cargo test -p tests --test simulation` runs one seed; without it a fixed set runs, and
//! fresh ones for `SIM_SECONDS`. Every seed that ever failed stays as a test of its own.

mod agent;
mod bench;
mod books;
mod cpu;
mod cuts;
mod disk;
mod faults;
mod journald;
mod kubelet;
mod once;
mod plain;
mod promptness;
mod service;
mod world;

use std::time::{Duration, Instant};

use fastrand::Rng;

use books::Broken;
use faults::Fault;
use world::{CONTAINERS, LENGTH};

/// Seeds of the fixed set.
const FIXED: std::ops::Range<u64> = 1..41;
const FIXED_JOURNAL: std::ops::Range<u64> = 1..16;
/// How long fresh seeds are tried where `SIM_SECONDS` does not say.
const FRESH_FOR: Duration = Duration::from_secs(15);

fn faults_of(seed: u64) -> Vec<Fault> {
    faults::draw(&mut Rng::with_seed(seed ^ 0x5eed), LENGTH, CONTAINERS)
}

fn faults_of_plain(seed: u64) -> Vec<Fault> {
    faults::draw_plain(
        &mut Rng::with_seed(seed ^ 0x91a1),
        LENGTH,
        plain::NAMES.len(),
    )
}

fn faults_of_journal(seed: u64) -> Vec<Fault> {
    let rng = &mut Rng::with_seed(seed ^ 0x1095);
    faults::draw_journal(rng, LENGTH, journald::UNITS.len())
}

/// Runs seeds.
///
/// # Panics
/// When a promise is broken: with the one line for each that is needed to see it again.
fn hold(seeds: impl IntoIterator<Item = u64>) {
    hold_each(seeds, &faults_of, &world::run);
}

/// The same with plain logs.
fn hold_plain(seeds: impl IntoIterator<Item = u64>) {
    hold_each(seeds, &faults_of_plain, &world::run_plain);
}

/// The same with the journal.
fn hold_journal(seeds: impl IntoIterator<Item = u64>) {
    hold_each(seeds, &faults_of_journal, &world::run_journal);
}

fn hold_each(
    seeds: impl IntoIterator<Item = u64>,
    faults_of: &dyn Fn(u64) -> Vec<Fault>,
    run: &dyn Fn(u64, &[Fault]) -> world::Run,
) {
    let broken = |seed| {
        let faults = faults_of(seed);
        let world::Run { log, end } = run(seed, &faults);
        let broken = end.err()?;
        // One seed is run to see what happened.
        if number("SIM_SEED").is_some() {
            println!("{log}");
        }
        Some(report(seed, &faults, &broken))
    };
    let broken: Vec<String> = seeds.into_iter().filter_map(broken).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn report(seed: u64, faults: &[Fault], broken: &Broken) -> String {
    let Broken { promise, how } = broken;
    let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
    format!(
        "seed {seed}: {promise} broken: {how}\n  faults: {}        rerun: SIM_SEED={seed} cargo test -p tests --test simulation",
        faults.join(", ")
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn promises_hold_for_every_fixed_seed() {
    match number("SIM_SEED") {
        Some(seed) => hold([seed]),
        None => hold(FIXED),
    }
}

/// What the last look had seen of a file passed for the length of what took its place.
#[test]
fn a_disk_that_fails_between_rotations_repeats_nothing() {
    hold([6_961_384_655_904_371_303]);
}

/// It was followed as if nothing were asked to stop, and no stop ended.
#[test]
fn a_container_that_is_found_during_a_stop_does_not_keep_it_from_ending() {
    hold([4_999_818_137_283_801_386]);
}

/// It counted as one that the next start would read, as it was at the last look.
#[test]
fn a_line_in_pieces_is_whole_though_its_file_is_deleted_during_a_stop() {
    hold([10_416_950_336_710_023_848]);
}

#[test]
fn seeds_that_once_failed_keep_their_promises() {
    hold([9_768_445_079_619_514_003, 1_891_724_994_827_465_946]);
}

/// Not the same twice, so that no change is judged by it: what fails here gets a name of its own above. Known and
/// not mended: seed 2084430381204425646, where a log file that is cut twice within two seconds has lost
/// more than the books say.
#[test]
#[ignore = "a seed in some hundreds undercounts a loss; `cargo xtask soak` runs it for minutes"]
fn promises_hold_for_fresh_seeds() {
    hold_fresh(&|seeds| hold(seeds));
}

/// Runs fresh seeds for as long as `SIM_SECONDS` says.
fn hold_fresh(hold: &dyn Fn(&mut dyn Iterator<Item = u64>)) {
    let limit = number("SIM_SECONDS").map_or(FRESH_FOR, Duration::from_secs);
    let began = Instant::now();
    let mut count = 0;
    let mut fresh = std::iter::from_fn(|| {
        count += 1;
        (began.elapsed() < limit).then(|| fastrand::u64(..))
    });
    hold(&mut fresh);
    println!("{} fresh seeds in {limit:?}", count - 1);
}

#[test]
fn promises_hold_for_plain_files_and_every_fixed_seed() {
    match number("SIM_SEED") {
        Some(seed) => hold_plain([seed]),
        None => hold_plain(FIXED),
    }
}

/// What was read between the copy and the cut made the copy pass for another file.
#[test]
fn what_is_given_up_while_its_file_is_copied_and_cut_comes_once() {
    hold_plain([5_868_370_148_301_433_727]);
}

/// Not the same twice, as with containers. Seed 16919887558290930102 fails still: what a restarted agent has read
/// of a file, and what is on its way to a slow service, comes twice where the file is copied and cut twice
/// within two seconds. Nothing is lost.
#[test]
#[ignore = "some seeds repeat more than they should; `cargo xtask soak` runs it for minutes"]
fn promises_hold_for_plain_files_and_fresh_seeds() {
    hold_fresh(&|seeds| hold_plain(seeds));
}

/// The file was renamed after it was cut, and its successor was found before the cut was: nobody went on
/// to it. And a disk that failed for seconds made all plain files new ones, which were read once more.
#[test]
fn a_plain_file_that_is_copied_cut_and_renamed_on_a_bad_disk_arrives_once() {
    hold_plain([32, 7_335_889_421_133_833_432]);
}

#[test]
fn promises_hold_for_the_journal_and_every_fixed_seed() {
    match number("SIM_SEED") {
        Some(seed) => hold_journal([seed]),
        None => hold_journal(FIXED_JOURNAL),
    }
}

/// Not the same twice, as with containers.
#[test]
#[ignore = "`cargo xtask soak` runs it for minutes"]
fn promises_hold_for_the_journal_and_fresh_seeds() {
    hold_fresh(&|seeds| hold_journal(seeds));
}

#[test]
fn the_same_seed_twice_gives_the_same_run() {
    for seed in [3, 8821] {
        let faults = faults_of(seed);
        let [first, second] = [(); 2].map(|()| world::run(seed, &faults).log);
        let differ = first.lines().zip(second.lines()).find(|(a, b)| a != b);
        assert_eq!(differ, None, "seed {seed} is not one run but two");
        assert_eq!(first.len(), second.len(), "seed {seed}: one run is longer");
    }
}
