//! The random driver: the same seed does the same.
//!
//! What it remembers is what it wrote; what follows the wall clock is counted.

use support::kubelet::{Clock, Done, Driver, Kubelet, Mix, Written, token_of};
use support::wait;
use tempfile::tempdir;

/// What a seed writes, without the actions that follow the wall clock.
fn written(seed: u64) -> Vec<Written> {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::with_clock(root.path(), Clock::starting_at(1_795_464_000_000_000_000));
    let mix = Mix {
        rotate: 0,
        restart: 0,
        replace: 0,
        ..Mix::default()
    };
    let mut driver = Driver::new(&kubelet, seed, 5, mix);
    (0..500).for_each(|_| driver.step());
    driver.written()
}

#[test]
fn a_seed_writes_the_same_each_time_and_another_does_not() {
    assert_eq!(written(7), written(7));
    assert_ne!(written(7), written(8));
}

#[test]
fn every_record_has_a_token_of_its_own() {
    let written = written(3);
    let mut tokens: Vec<String> = written
        .iter()
        .map(|record| {
            token_of(&String::from_utf8_lossy(&record.text))
                .unwrap()
                .to_owned()
        })
        .collect();
    let count = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), count);
    assert!(count > 450, "{count}");
}

#[test]
fn containers_rotate_restart_and_leave() {
    let root = tempdir().unwrap();
    let kubelet = Kubelet::new(root.path());
    let mix = Mix {
        print: 10,
        rotate: 5,
        restart: 5,
        replace: 5,
        ..Mix::default()
    };
    let mut driver = Driver::new(&kubelet, 1, 4, mix);
    wait::until("containers have rotated, restarted and left", || {
        driver.step();
        let Done {
            rotations,
            restarts,
            deletions,
        } = driver.done();
        rotations > 0 && restarts > 0 && deletions > 0
    });
    let folders = std::fs::read_dir(kubelet.pods()).unwrap().count();
    let links = std::fs::read_dir(kubelet.containers()).unwrap().count();
    assert!(
        folders > 4 && links < folders,
        "{links} links, {folders} folders"
    );
    driver.finish();
    assert_eq!(std::fs::read_dir(kubelet.containers()).unwrap().count(), 4);
}
