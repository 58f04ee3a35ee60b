//! The tally finds each thing that can be wrong with records.
//!
//! And finds nothing where all is well: repeats alone are allowed, and told.

use proptest::prelude::*;
use support::kubelet::{Expected, Stream, token_of};
use support::tally::{Delivered, Order, Tally};

/// Records of one container, a millisecond apart.
fn expected(count: usize) -> Vec<Expected> {
    let record = |number| Expected {
        container: "web/shop-1/app".to_owned(),
        stream: Stream::Stdout,
        time_ms: 1000 + number as i64,
        text: format!("c0-{number} some text"),
    };
    (0..count).map(record).collect()
}

fn delivered(record: &Expected) -> Delivered {
    let Expected {
        container,
        stream,
        time_ms,
        text,
    } = record.clone();
    Delivered {
        container: Some(container),
        stream: Some(stream),
        time_ms: Some(time_ms),
        text,
    }
}

/// Tallies five records that arrive in this order.
fn tally(arrivals: &[usize]) -> Tally {
    let expected = expected(5);
    let arrived: Vec<Delivered> = arrivals
        .iter()
        .map(|&index| delivered(&expected[index]))
        .collect();
    Tally::of(&expected, &arrived, Order::Written)
}

fn account(tally: &Tally) -> [Vec<String>; 3] {
    let account = &tally.containers["web/shop-1/app"];
    [
        account.lost.clone(),
        account.repeated.clone(),
        account.reordered.clone(),
    ]
}

#[test]
fn whole_and_in_order_is_exactly_once() {
    tally(&[0, 1, 2, 3, 4]).assert_exactly_once();
}

#[test]
fn what_never_came_is_lost() {
    let tally = tally(&[0, 1, 4]);
    assert_eq!(
        account(&tally),
        [vec!["c0-2".to_owned(), "c0-3".into()], vec![], vec![]]
    );
    assert!(!tally.is_at_least_once());
    assert!(
        tally
            .to_string()
            .contains("web/shop-1/app: 5 written, 2 lost, 0 repeated"),
        "{tally}"
    );
    assert!(tally.to_string().contains("lost: c0-2, c0-3"), "{tally}");
}

#[test]
fn what_came_twice_is_repeated_and_not_reordered() {
    let tally = tally(&[0, 1, 2, 1, 2, 3, 4]);
    assert_eq!(
        account(&tally),
        [vec![], vec!["c0-1".to_owned(), "c0-2".into()], vec![]]
    );
    tally.assert_at_least_once();
    assert_eq!(tally.repeats(), 2);
}

#[test]
fn what_came_behind_its_successor_is_reordered() {
    let tally = tally(&[0, 2, 1, 3, 4]);
    assert_eq!(account(&tally), [vec![], vec![], vec!["c0-1".to_owned()]]);
    assert!(!tally.is_at_least_once());
}

#[test]
fn by_millisecond_only_records_of_one_millisecond_can_be_out_of_order() {
    let mut expected = expected(3);
    expected[2].time_ms = expected[1].time_ms;
    let arrived: Vec<Delivered> = [1, 2, 0]
        .map(|index: usize| delivered(&expected[index]))
        .into();
    Tally::of(&expected, &arrived, Order::Millisecond).assert_exactly_once();
    let arrived: Vec<Delivered> = [0, 2, 1]
        .map(|index: usize| delivered(&expected[index]))
        .into();
    let tally = Tally::of(&expected, &arrived, Order::Millisecond);
    assert_eq!(account(&tally)[2], ["c0-1"]);
}

#[test]
fn outputs_of_a_container_are_not_ordered_against_each_other() {
    let mut expected = expected(2);
    expected[0].stream = Stream::Stderr;
    let arrived: Vec<Delivered> = [1, 0]
        .map(|index: usize| delivered(&expected[index]))
        .into();
    Tally::of(&expected, &arrived, Order::Written).assert_exactly_once();
}

#[test]
fn a_changed_text_time_stream_or_container_is_altered() {
    let expected = expected(1);
    let right = delivered(&expected[0]);
    let wrong = [
        Delivered {
            text: "c0-0 some texts".into(),
            ..right.clone()
        },
        Delivered {
            time_ms: Some(999),
            ..right.clone()
        },
        Delivered {
            stream: Some(Stream::Stderr),
            ..right.clone()
        },
        Delivered {
            container: Some("web/shop-2/app".into()),
            ..right.clone()
        },
    ];
    for (record, what) in wrong
        .into_iter()
        .zip(["text", "time", "stream", "container"])
    {
        let tally = Tally::of(&expected, &[record], Order::Written);
        let altered = &tally.containers["web/shop-1/app"].altered;
        assert!(altered[0].1.starts_with(what), "{altered:?}");
        assert!(!tally.is_at_least_once());
    }
}

#[test]
fn what_nobody_wrote_is_unknown() {
    let expected = expected(1);
    let mut stranger = delivered(&expected[0]);
    stranger.text = "c9-9 from nowhere".into();
    let tally = Tally::of(
        &expected,
        &[delivered(&expected[0]), stranger],
        Order::Written,
    );
    assert_eq!(tally.unknown, ["c9-9 from nowhere"]);
    assert!(!tally.is_at_least_once());
}

#[test]
fn a_token_is_a_word_of_its_own() {
    assert_eq!(token_of("c1-22 text"), Some("c1-22"));
    assert_eq!(token_of(r#"{"msg":"abc1-2 c3-x c4- c5-6"}"#), Some("c5-6"));
    assert_eq!(token_of("c1-2x xc1-2 c-1"), None);
}

proptest! {
    /// Whatever arrives, the books add up: each record is lost or came, and each arrival is a
    /// first one, a repeat or unknown.
    #[test]
    fn the_books_add_up(arrivals in proptest::collection::vec(0usize..5, 0..20)) {
        let tally = tally(&arrivals);
        let [lost, repeated, _] = account(&tally);
        let firsts = arrivals.iter().collect::<std::collections::HashSet<_>>().len();
        prop_assert_eq!(lost.len() + firsts, 5);
        prop_assert_eq!(repeated.len() + firsts, arrivals.len());
    }

    #[test]
    fn a_token_is_found_in_any_text_and_never_panics(text in "\\PC*") {
        let text = format!("{text} c12-34");
        prop_assert!(token_of(&text).is_some());
    }
}
