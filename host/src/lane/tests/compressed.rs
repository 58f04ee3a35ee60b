//! Compressed files that take the place of what is being read, and those that are not what they say: of several
//! members, or damaged. What stands there is read, once, and what is missing is counted and told, once.

use bytesize::ByteSize;
use flate2::Compression;

use super::bench::{Node, Run, packed, run, run_with};

const ROTATED: &str = "0.log.20260101-000001";
/// The header of a member, and of a block in it that is not compressed.
const HEADER_BYTES: usize = 10;
const BLOCK_HEADER_BYTES: usize = 5;

fn in_members(text: &[u8], most: usize) -> Vec<u8> {
    let members = text.chunks(most);
    members
        .flat_map(|m| packed(m, Compression::fast()))
        .collect()
}

fn all(from: u32, to: u32) -> Vec<u32> {
    (from..=to).collect()
}

/// The trailer tells the length of the last one, and is believed until the end is seen.
#[test]
fn a_compressed_file_of_several_members_is_read_to_its_end_and_once() {
    let mut node = Node::new();
    let bytes = node.print(ROTATED, 40_000);
    node.pack_as(ROTATED, |text| in_members(text, 1_000_000));
    node.print("0.log", 10);
    let mut first = run(&node, None);
    first.hold = true;
    first.steps(1);
    first.answer();
    first.steps(1);
    let came = first.numbers();
    assert!(!came.is_empty() && came.len() < 40_000);
    let entries = first.entries();
    drop(first);
    let mut second = run(&node, Some(entries));
    second.steps(4);
    assert_eq!([came, second.numbers()].concat(), all(1, 40_010));
    let ledger = second.ledger();
    assert_eq!((ledger.lost_bytes, ledger.lost_at_least), (0, false));
    assert!(ledger.seen_bytes <= bytes + 1000, "{ledger:?}");
    let mut third = run(&node, Some(second.entries()));
    third.steps(2);
    assert!(third.texts().is_empty());
}

/// Two of them: the first is as long as the trailer of the second says that the file is.
#[test]
fn a_file_that_is_settled_up_to_what_its_trailer_says_is_not_taken_for_done() {
    let mut node = Node::new();
    let half = usize::try_from(node.print(ROTATED, 10_000)).unwrap();
    node.print(ROTATED, 10_000);
    node.pack_as(ROTATED, |text| in_members(text, half));
    node.print("0.log", 10);
    let mut first = run(&node, None);
    first.hold = true;
    let mut entries = None;
    for _ in 0..100 {
        first.step();
        first.answer();
        if first.numbers().len() >= 10_000 {
            // It is stopped before it looks again.
            first.drain();
            entries = Some(first.entries());
            break;
        }
    }
    let came = first.numbers();
    drop(first);
    let mut second = run(&node, entries);
    second.steps(4);
    assert_eq!([came, second.numbers()].concat(), all(1, 20_010));
}

#[test]
fn a_damaged_trailer_loses_nothing_that_stands_there_and_is_told_once() {
    let mut node = Node::new();
    let bytes = node.print(ROTATED, 5000);
    node.pack_as(ROTATED, |text| {
        let mut bytes = packed(text, Compression::fast());
        let length = bytes.len() - 4;
        bytes[length..].fill(0xff);
        bytes
    });
    let live = node.print("0.log", 10);
    let mut first = run(&node, None);
    first.steps(4);
    assert_eq!(first.numbers(), all(1, 5010));
    let ledger = first.ledger();
    assert_eq!((ledger.lost_bytes, ledger.lost_at_least), (0, true));
    assert_eq!(first.losses_at_least(), 1);
    assert_eq!(ledger.settled_bytes, bytes + live);
    assert!(ledger.balances(), "{ledger:?}");
    let [marker] = &first.markers()[..] else {
        panic!("one marker: {:?}", first.markers());
    };
    let words = "an unknown number of bytes of this container's log unreadable in a damaged file";
    assert!(marker.contains(words), "{marker}");
    let mut second = run(&node, Some(first.entries()));
    second.steps(4);
    assert!(second.texts().is_empty(), "{:?}", second.texts());
}

#[test]
fn what_stands_behind_damage_is_counted_and_told_though_the_agent_is_killed_before_it_could() {
    let mut node = Node::new();
    let bytes = node.print(ROTATED, 5000);
    let mut stands = 0;
    node.pack_as(ROTATED, |text| {
        let mut bytes = packed(text, Compression::none());
        let length = [bytes[HEADER_BYTES + 1], bytes[HEADER_BYTES + 2]];
        stands = usize::from(u16::from_le_bytes(length));
        // What is said twice in the second block's header differs.
        bytes[HEADER_BYTES + BLOCK_HEADER_BYTES + stands + 3] ^= 1;
        bytes
    });
    let live = node.print("0.log", 10);
    let mut first = run(&node, None);
    first.hold = true;
    first.steps(4);
    let (lost, entries) = (first.ledger().lost_bytes, first.entries());
    // The decompressor keeps back a byte in front of the damage.
    assert_eq!(lost, bytes - stands as u64 + 1);
    drop(first);
    let mut second = run(&node, Some(entries));
    second.steps(4);
    let ledger = second.ledger();
    assert_eq!((ledger.lost_bytes, ledger.lost_at_least), (lost, true));
    assert_eq!(ledger.settled_bytes + lost, bytes + live);
    let numbers = second.numbers();
    let read = u32::try_from(numbers.len()).unwrap() - 10;
    assert_eq!(numbers, [all(1, read), all(5001, 5010)].concat());
    let [marker] = &second.markers()[..] else {
        panic!("one marker: {:?}", second.markers());
    };
    assert!(marker.starts_with("logsieve: at least "), "{marker}");
    let mut third = run(&node, Some(second.entries()));
    third.steps(4);
    assert!(third.texts().is_empty(), "{:?}", third.texts());
}

/// The sink takes nothing while a file is packed that keeps too much of the disk once it is deleted.
fn packed_while_held(node: &mut Node, pack: impl FnOnce(&[u8]) -> Vec<u8>) -> Run {
    node.print("0.log", 40_000);
    let mut run = run_with(node, None, |c| c.pinned_bytes_max = ByteSize::mib(1));
    run.hold = true;
    run.steps(1);
    node.rename("0.log", ROTATED);
    node.print("0.log", 10);
    run.steps(1);
    node.pack_as(ROTATED, pack);
    run.steps(3);
    assert_eq!(run.ledger().pinned_bytes, 0);
    run
}

#[test]
fn a_deleted_file_that_keeps_too_much_of_the_disk_is_read_on_in_its_compressed_form() {
    for (again, most) in [(false, usize::MAX), (true, usize::MAX), (false, 1_000_000)] {
        let mut node = Node::new();
        let mut run = packed_while_held(&mut node, |text| in_members(text, most.min(text.len())));
        assert!(run.ledger().unsettled_bytes > 0);
        if again {
            // What was read of the original comes back unsettled.
            run.waiting.clear();
        }
        run.hold = false;
        run.steps(5);
        assert_eq!(run.numbers(), all(1, 40_010));
        let ledger = run.ledger();
        assert_eq!((ledger.lost_bytes, ledger.unread_bytes), (0, 0));
        assert_eq!(ledger.open_files, 1, "{ledger:?}");
        assert!(run.markers().is_empty());
        let mut second = run_with(&node, Some(run.entries()), |_| {});
        second.steps(2);
        assert!(second.texts().is_empty());
    }
}

/// What is there of it begins the same.
#[test]
fn a_compressed_form_that_lacks_what_was_seen_does_not_hide_a_loss() {
    let mut node = Node::new();
    let mut run = packed_while_held(&mut node, |text| packed(&text[..1000], Compression::fast()));
    run.hold = false;
    run.steps(5);
    let ledger = run.ledger();
    let read = u32::try_from(run.numbers().len()).unwrap() - 10;
    assert_eq!(run.numbers(), [all(1, read), all(40_001, 40_010)].concat());
    assert!(ledger.lost_bytes > 0 && !ledger.lost_at_least);
    assert_eq!(run.markers().len(), 1);
}
