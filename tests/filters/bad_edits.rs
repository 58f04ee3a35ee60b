//! Outcomes that break a rule of the contract: each is refused as a whole, and by name.
//!
//! One guest breaks whichever rule its settings name, without the SDK, which would see to it.

use logsieve::filter::OnError;
use logsieve::record::Fate;

use crate::engine::{Chain, Guest, guest};

fn breaks(rule: &str) -> Guest {
    let settings = serde_json::json!({ "rule": rule });
    guest("bad_edits").settings(settings).routes(&["audit"])
}

/// The reason that is given for an outcome on three records of five bytes.
fn refused(rule: &str, last: bool) -> String {
    let mut chain = Chain::new([breaks(rule)]);
    let blocked = chain.batch(&["first", "secon", "third"], last).unwrap_err();
    assert_eq!(blocked.failure.kind(), "outcome", "{rule}: {blocked}");
    assert_eq!(chain.fates(), [(Fate::Abandoned, 0..18)], "{rule}");
    assert!(chain.held.is_empty(), "{rule}");
    let text = blocked.to_string();
    let place = "filter `bad_edits`: its outcome breaks the contract: ";
    text.strip_prefix(place)
        .unwrap_or_else(|| panic!("{rule}: {text}"))
        .to_owned()
}

#[test]
fn an_outcome_that_breaks_a_rule_is_refused_by_name() {
    let rules = [
        ("out_of_range", "edit 0: record 3 of 3 does not exist"),
        (
            "out_of_order",
            "edit 1: record 0 comes after record 1; edits are sorted by record",
        ),
        (
            "splice_past_the_end",
            "edit 0: splice 0..6 of record 0, which has 5 bytes",
        ),
        (
            "overlapping_splices",
            "edit 1: splice at 1 of record 0 starts before the former one's end, 2",
        ),
        ("drop_twice", "edit 1: a second `drop` for record 0"),
        (
            "drop_and_replace",
            "edit 1: `replace` for record 0, which has a `drop` already",
        ),
        (
            "time_after_add",
            "edit 1: `set-time` for record 0 comes after an `add`; adds stand last",
        ),
        (
            "unknown_route",
            "edit 0: route `nowhere` is not among those that this filter may choose",
        ),
        (
            "edit_on_held",
            "edit 0: record 2 is held back, and may not be edited",
        ),
        ("hold_too_many", "hold 4: the batch has 3 records"),
    ];
    for (rule, reason) in rules {
        assert_eq!(refused(rule, false), reason, "{rule}");
    }
}

#[test]
fn holding_from_the_last_batch_is_refused() {
    let reason = "hold 1: nothing may be held back from the last batch";
    assert_eq!(refused("hold_on_last", true), reason);
}

#[test]
fn nothing_of_a_refused_outcome_is_applied() {
    // The first of its two edits is a good one.
    let mut chain = Chain::new([breaks("out_of_order").on_error(OnError::Pass)]);
    assert_eq!(chain.run(&["a", "b"]).unwrap(), ["a", "b"]);
    assert_eq!(
        chain.counted("filter_dropped_records_total{filter=\"bad_edits\"}"),
        0
    );
}
