//! Which route takes a container, when it waits for its pod, and what annotations make of it: all that
//! is decided without a lane or an API server.

use super::*;
use crate::record::STRAY_ANNOTATION;

const KNOWN: PodState = PodState::Known;
const AWAITED: PodState = PodState::Awaited;
const GIVEN_UP: PodState = PodState::GivenUp;

fn globs(text: &str) -> Globs {
    Globs::One(text.into())
}

fn route(namespace: &str, chain: &[usize], destination: Option<usize>) -> Route {
    Route {
        matching: Match {
            namespace: Some(globs(namespace)),
            ..Match::default()
        },
        chain: chain.to_vec(),
        destination,
        also: false,
        limits: Limits::default(),
    }
}

/// A route for pods with this label.
fn labelled(name: &str, value: &str, destination: Option<usize>) -> Route {
    let mut route = route("*", &[], destination);
    route.matching.labels = [(name.to_owned(), globs(value))].into();
    route
}

fn table(routes: Vec<Route>) -> Table {
    Table {
        routes,
        ..Table::default()
    }
}

/// A container with these facts of its pod, without their common beginning.
fn container(namespace: &str, facts: &[(&str, &str)]) -> Container {
    let facts = facts
        .iter()
        .map(|(name, value)| (format!("k8s.pod.{name}"), (*value).to_owned()));
    Container {
        namespace: namespace.into(),
        pod: "p".into(),
        pod_uid: "u".into(),
        name: "app".into(),
        facts: facts.collect(),
    }
}

fn taken(decision: Decision) -> Taken {
    match decision {
        Decision::Take(taken) => taken,
        other => panic!("not taken: {other:?}"),
    }
}

fn allow() -> Vec<Allow> {
    vec![Allow {
        namespace: Some(globs("team-*")),
        filters: vec![("mask".into(), 3), ("drop".into(), 4)],
        shipped: None,
        destinations: vec![("audit".into(), 7)],
        exclude: true,
        unknown_pod: UnknownPod::Wait,
    }]
}

fn with_annotations(annotations: &[(&str, &str)]) -> Decision {
    let mut table = table(vec![route("*", &[0], Some(1))]);
    table.allow = allow();
    let facts: Vec<_> = annotations
        .iter()
        .map(|(name, value)| (format!("annotation.{name}"), *value))
        .collect();
    let facts: Vec<_> = facts.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    table.decide(&container("team-a", &facts), KNOWN)
}

#[test]
fn the_first_route_that_takes_a_container_wins() {
    let table = table(vec![route("pay*", &[], Some(0)), route("*", &[], Some(1))]);
    let to = |namespace| taken(table.decide(&container(namespace, &[]), KNOWN)).destination;
    assert_eq!((to("payments"), to("shop")), (0, 1));
}

#[test]
fn a_route_by_path_needs_no_pod_and_excludes_for_good() {
    let table = table(vec![route("kube-*", &[], None), route("*", &[], Some(0))]);
    let system = container("kube-system", &[]);
    assert_eq!(table.decide(&system, AWAITED), Decision::Never);
    let shop = container("shop", &[]);
    let for_ever = false;
    assert_eq!(
        table.decide(&shop, AWAITED),
        Decision::Wait(Wait::Pod { for_ever })
    );
    assert_eq!(taken(table.decide(&shop, GIVEN_UP)).destination, 0);
}

#[test]
fn a_container_that_a_label_could_send_elsewhere_waits_however_long() {
    let mut table = table(vec![
        labelled("tier", "pci", Some(0)),
        route("*", &[], Some(1)),
    ]);
    let unknown = container("shop", &[]);
    let waits = Decision::Wait(Wait::Pod { for_ever: true });
    assert_eq!(table.decide(&unknown, AWAITED), waits);
    assert_eq!(table.decide(&unknown, GIVEN_UP), waits);
    let pci = container("shop", &[("label.tier", "pci")]);
    assert_eq!(taken(table.decide(&pci, KNOWN)).destination, 0);
    let web = container("shop", &[("label.tier", "web")]);
    assert_eq!(taken(table.decide(&web, KNOWN)).destination, 1);
    table.unknown_pod = UnknownPod::DefaultChain;
    assert_eq!(taken(table.decide(&unknown, GIVEN_UP)).destination, 1);
}

#[test]
fn a_container_that_a_label_excludes_may_be_read_when_the_label_changes() {
    let table = table(vec![
        labelled("logs", "off", None),
        route("*", &[], Some(1)),
    ]);
    let off = container("shop", &[("label.logs", "off")]);
    assert_eq!(table.decide(&off, KNOWN), Decision::Skip);
    let opt_in = Table {
        routes: vec![labelled("logs", "on", Some(0))],
        ..Table::default()
    };
    assert_eq!(opt_in.decide(&off, KNOWN), Decision::Skip);
}

#[test]
fn an_also_route_adds_its_destination_to_the_one_that_takes_the_container() {
    let mut audit = route("pay*", &[], Some(2));
    audit.also = true;
    let table = table(vec![audit.clone(), route("*", &[5], Some(1))]);
    let pay = taken(table.decide(&container("pay", &[]), KNOWN));
    assert_eq!(
        (pay.chain, pay.destination, pay.also),
        (vec![5], 1, vec![2])
    );
    let shop = taken(table.decide(&container("shop", &[]), KNOWN));
    assert_eq!(shop.also, Vec::<usize>::new());
    let alone = Table {
        routes: vec![audit],
        ..Table::default()
    };
    let unread = alone.decide(&container("pay", &[]), KNOWN);
    assert_eq!(unread, Decision::Never, "nothing may pass without a chain");
}

#[test]
fn annotations_add_filters_behind_the_operators_own() {
    let chosen = taken(with_annotations(&[
        ("logsieve.dev/filters", "drop, mask"),
        ("logsieve.dev/route", "audit"),
    ]));
    assert_eq!((chosen.chain, chosen.destination), (vec![0, 4, 3], 7));
}

#[test]
fn a_containers_own_annotation_beats_its_pods() {
    let chosen = taken(with_annotations(&[
        ("logsieve.dev/filters", "drop"),
        ("app.logsieve.dev/filters", "mask"),
        ("other.logsieve.dev/filters", "no such filter"),
    ]));
    assert_eq!(chosen.chain, [0, 3]);
    let excluded = with_annotations(&[("app.logsieve.dev/exclude", "true")]);
    assert_eq!(excluded, Decision::Skip);
    let other = with_annotations(&[("other.logsieve.dev/exclude", "true")]);
    assert_eq!(taken(other).chain, [0]);
}

#[test]
fn a_container_with_a_wrong_annotation_waits_and_says_why() {
    for (name, value, reason) in [
        (
            "logsieve.dev/filters",
            "maks",
            "`maks` is no filter that may be chosen in this namespace; there are `mask`, `drop`",
        ),
        (
            "logsieve.dev/fitlers",
            "mask",
            "there is no `fitlers`; there are `exclude`, `filters`, `route`",
        ),
        (
            "logsieve.dev/exclude",
            "yes",
            "`yes` is neither `true` nor `false`",
        ),
    ] {
        let wrong = Wrong {
            annotation: name.into(),
            reason: reason.into(),
        };
        let decision = with_annotations(&[(name, value)]);
        assert_eq!(decision, Decision::Wait(Wait::Annotation(wrong)));
    }
}

/// A slip of its name would leave a container without its redaction, unseen.
#[test]
fn an_annotation_for_no_container_of_the_pod_is_wrong_for_all_of_them() {
    let mut table = table(vec![route("*", &[0], Some(1))]);
    table.allow = allow();
    let mut container = container("team-a", &[]);
    let stray = "apq.logsieve.dev/filters";
    container
        .facts
        .insert(STRAY_ANNOTATION.into(), stray.into());
    let decision = table.decide(&container, KNOWN);
    let Decision::Wait(Wait::Annotation(wrong)) = decision else {
        panic!("{decision:?}");
    };
    assert_eq!(wrong.annotation, stray);
}

#[test]
fn where_annotations_may_add_filters_an_unknown_pod_is_waited_for_however_long() {
    let mut table = table(vec![route("*", &[0], Some(1))]);
    table.allow = allow();
    let unknown = container("team-a", &[]);
    let waits = Decision::Wait(Wait::Pod { for_ever: true });
    assert_eq!(table.decide(&unknown, GIVEN_UP), waits);
    let other = container("shop", &[]);
    assert_eq!(taken(table.decide(&other, GIVEN_UP)).chain, [0]);
    table.allow[0].unknown_pod = UnknownPod::DefaultChain;
    assert_eq!(taken(table.decide(&unknown, GIVEN_UP)).chain, [0]);
}

#[test]
fn where_no_annotation_is_allowed_one_is_reported_and_passed_over() {
    let mut table = table(vec![route("*", &[0], Some(1))]);
    table.allow = allow();
    let eager = container("shop", &[("annotation.logsieve.dev/exclude", "true")]);
    let taken = taken(table.decide(&eager, KNOWN));
    assert_eq!(taken.chain, [0]);
    let wrong = taken.wrong.expect("it is reported");
    assert_eq!(wrong.reason, "no annotation is allowed in this namespace");
}
