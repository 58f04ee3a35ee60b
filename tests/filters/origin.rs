//! What a filter learns about the container of the batch in hand.
//!
//! Facts come by name; none are known before there is a batch.

use logsieve::record::Facts;

use crate::engine::{Chain, guest};

#[test]
fn a_filter_can_ask_for_one_fact_and_for_all_of_them() {
    let facts = [
        ("k8s.pod.label.app", "api"),
        ("k8s.namespace.name", "shop"),
        ("empty", ""),
    ];
    let facts: Facts = facts
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    let mut chain = Chain::with_facts(facts, [guest("tells_origin")]);
    let asked = ["k8s.namespace.name", "k8s.node.name", "empty", "all"];
    let told = [
        "shop",
        "no `k8s.node.name`",
        "",
        "empty= k8s.namespace.name=shop k8s.pod.label.app=api",
    ];
    assert_eq!(chain.run(&asked).unwrap(), told);
}

#[test]
fn nothing_is_known_while_a_filter_is_configured() {
    let facts: Facts = [("k8s.namespace.name".into(), "shop".into())].into();
    let mut chain = Chain::with_facts(facts, [guest("tells_origin")]);
    assert_eq!(chain.run(&["while configured"]).unwrap(), ["0"]);
}
