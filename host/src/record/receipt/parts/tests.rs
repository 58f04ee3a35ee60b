//! Which bytes settle with which request, whatever the order of answers; and that each comes back once,
//! however parts overlap.

use std::sync::mpsc::{Receiver, channel};

use proptest::prelude::*;

use super::super::news_channel;
use super::*;
use crate::record::{Fate, FileId, News, Range as Source};

const ONE: Count = Count {
    records: 1,
    bytes: 10,
};

fn source(from: u64, to: u64) -> Source {
    Source {
        file: FileId(1),
        from,
        to,
    }
}

fn receipt(ranges: &[Source]) -> (Receipt, Receiver<News>) {
    let (to, news) = channel::<News>();
    let mut receipt = Receipt::new(3, news_channel(to));
    ranges.iter().for_each(|r| receipt.add(*r));
    (receipt, news)
}

fn fates(news: &Receiver<News>) -> Vec<(Fate, Vec<Source>)> {
    news.try_iter().map(|n| (n.fate, n.ranges)).collect()
}

#[test]
fn what_lies_in_one_request_is_settled_by_its_answer() {
    let (receipt, news) = receipt(&[source(0, 5), source(7, 11)]);
    let parts = receipt.share();
    // The second ends before the first, and is answered before all parts are given.
    let (one, two) = (parts.part(ONE, 0..7), parts.part(ONE, 7..9));
    two.settle();
    assert!(fates(&news).is_empty());
    parts.close();
    assert_eq!(fates(&news), [(Fate::Settled, vec![source(9, 11)])]);
    drop(one);
    let left = vec![source(0, 5), source(7, 9)];
    assert_eq!(fates(&news), [(Fate::Abandoned, left)]);
}

#[test]
fn what_lies_in_two_requests_settles_when_both_are_answered() {
    let (receipt, news) = receipt(&[source(0, 9)]);
    let parts = receipt.share();
    let (one, two, three) = (
        parts.part(ONE, 0..5),
        parts.part(ONE, 4..6),
        parts.part(ONE, 6..9),
    );
    parts.close();
    one.settle();
    assert!(fates(&news).is_empty());
    two.settle();
    assert_eq!(fates(&news), [(Fate::Settled, vec![source(0, 6)])]);
    three.settle();
    assert_eq!(fates(&news), [(Fate::Settled, vec![source(6, 9)])]);
}

#[test]
fn one_broken_part_abandons_all_that_it_shares_once_the_others_are_answered() {
    let (receipt, news) = receipt(&[source(0, 5)]);
    let parts = receipt.share();
    let (one, two) = (parts.part(ONE, 0..5), parts.part(ONE, 0..5));
    parts.close();
    drop(two);
    assert!(fates(&news).is_empty());
    one.settle();
    assert_eq!(fates(&news), [(Fate::Abandoned, vec![source(0, 5)])]);
}

/// A filter that joins records leaves the text of many in one of them, and the bytes with the next.
#[test]
fn a_receipt_that_is_bound_settles_as_one() {
    let (mut receipt, news) = receipt(&[source(0, 9)]);
    receipt.bind();
    let parts = receipt.share();
    let (one, two) = (parts.part(ONE, 0..5), parts.part(ONE, 5..9));
    parts.close();
    one.settle();
    assert!(fates(&news).is_empty());
    two.settle();
    assert_eq!(fates(&news), [(Fate::Settled, vec![source(0, 9)])]);
}

#[test]
fn a_receipt_that_is_not_handed_out_whole_is_abandoned() {
    let (receipt, news) = receipt(&[source(0, 5)]);
    let parts = receipt.share();
    let other = parts.part(ONE, 3..5);
    parts.part(ONE, 0..3).settle();
    drop(parts);
    assert!(fates(&news).is_empty());
    other.settle();
    assert_eq!(fates(&news), [(Fate::Abandoned, vec![source(0, 5)])]);
}

#[test]
fn a_receipt_of_which_nothing_is_sent_settles() {
    let (receipt, news) = receipt(&[source(0, 5)]);
    receipt.share().close();
    assert_eq!(fates(&news), [(Fate::Settled, vec![source(0, 5)])]);
}

proptest! {
    /// Each byte comes back once; and settled only if no part that has it was dropped.
    #[test]
    fn every_byte_comes_back_once_and_settled_only_if_all_its_parts_are(
        mut cuts in proptest::collection::vec((0_u32..40, 0_u32..40, any::<bool>()), 1..7),
        order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        for (from, to, _) in &mut cuts {
            (*from, *to) = ((*from).min(*to), (*from).max(*to) + 1);
        }
        // As a batch's records: together they cover all from the first byte on.
        cuts.push((0, 20, true));
        cuts.push((20, 41, true));
        let (receipt, news) = receipt(&[source(100, 141)]);
        let parts = receipt.share();
        let mut given: Vec<_> = cuts
            .iter()
            .zip(order)
            .map(|((from, to, settles), place)| (place, parts.part(ONE, *from..*to), *settles))
            .collect();
        given.sort_by_key(|(place, ..)| *place);
        let late = given.split_off(given.len() / 2);
        let end = |given: Vec<(usize, Part, bool)>| {
            given.into_iter().filter(|(.., settles)| *settles).for_each(|(_, part, _)| part.settle());
        };
        end(given);
        parts.close();
        end(late);
        let mut came = [0; 41];
        for (fate, ranges) in fates(&news) {
            for at in ranges.iter().flat_map(|r| r.from - 100..r.to - 100) {
                came[at as usize] += 1;
                let broken = cuts.iter().any(|(from, to, settles)| {
                    !settles && (u64::from(*from)..u64::from(*to)).contains(&at)
                });
                prop_assert!(fate == Fate::Abandoned || !broken);
            }
        }
        prop_assert_eq!(came, [1; 41]);
    }
}
