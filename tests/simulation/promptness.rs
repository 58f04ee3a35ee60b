//! How soon a file is opened and read, in virtual time and in looks. The kernel's news of a folder comes
//! within milliseconds; what the agent makes of it is here.

use std::time::Duration;

use crate::bench::{Bench, SECOND, line};

/// A step of the bench.
const STEP: Duration = Duration::from_millis(10);

/// Files of a pod go half a second after its end, whatever the service does meanwhile.
#[test]
fn a_file_is_opened_by_the_first_look_at_its_folder_though_nothing_can_be_read() {
    let mut bench = Bench::new();
    let (_, flood) = bench.container("flood");
    let much = line(1, "F", &"x".repeat(500)).repeat(8000);
    bench.disk.append(flood, much.as_bytes());
    bench.pass(3 * SECOND, "flood");
    let (folder, short) = bench.container("short");
    assert!(bench.disk.is_open(short), "not opened by its first look");
    bench
        .disk
        .append(short, line(2, "F", "all it said").as_bytes());
    bench.disk.unlink(&folder.join("0.log"));
    let next = bench.disk.create(&folder.join("1.log"));
    bench.look("short");
    assert!(bench.disk.is_open(next), "not opened by its first look");
    bench.pass(20 * SECOND, "flood");
    bench.pass(10 * SECOND, "");
    assert!(bench.texts.iter().any(|text| text == "all it said"));
}

/// However long the container was silent, and its file looked at ever more seldom.
#[test]
fn the_first_bytes_of_a_new_container_are_read_within_a_second() {
    for silent in [0, 20, 300, 900, 2500, 30_000] {
        let mut bench = Bench::new();
        let (_, node) = bench.container("new");
        bench.pass(Duration::from_millis(silent), "");
        let words = line(1, "F", "first words");
        bench.disk.append(node, words.as_bytes());
        let mut waited = Duration::ZERO;
        while bench.disk.read_to(node) < words.len() as u64 {
            assert!(
                waited <= SECOND,
                "{silent} ms silent: not read after {waited:?}"
            );
            bench.pass(STEP, "");
            waited += STEP;
        }
    }
}
