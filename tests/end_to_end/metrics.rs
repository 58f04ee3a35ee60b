//! `deploy/METRICS.md` and what a running agent shows under `/metrics` name the same metrics, each with a
//! sample: an operator's alert on a documented name never waits for what is not there.

use std::collections::BTreeSet;

use support::cloudwatch::{Fault, Rule};

use crate::node::{Node, metrics, module, until, with_metrics};

/// Names in the table.
fn documented() -> BTreeSet<String> {
    let table = include_str!("../../deploy/METRICS.md");
    let rows = table.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// Names that have a sample.
fn shown(metrics: &str) -> BTreeSet<String> {
    let (mut of, mut names) = ("", BTreeSet::new());
    for line in metrics.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(named) => of = named.split(' ').next().unwrap(),
            None if line.starts_with("logsieve_") => {
                assert!(line.starts_with(of), "`{line}` under `{of}`");
                names.insert(of.to_owned());
            }
            None => {}
        }
    }
    names
}

/// An agent to which happens what some metrics need to have a sample: a filter with counters of its own,
/// one that fails, one that is refused; a record and an entity that the service rejects.
#[test]
fn every_documented_metric_is_shown_by_a_running_agent_and_no_other() {
    let mut node = Node::new();
    let address = with_metrics(&mut node);
    let modules = [
        ("counts", "many_counters"),
        ("fails", "cannot_judge"),
        ("refused", "refuses_settings"),
    ];
    let modules = modules.map(|(name, guest)| {
        let module = module(&format!("guests/{guest}"));
        format!("{name}: {{ module: {} }}", module.display())
    });
    node.config.filters = format!("{{ modules: {{ {} }} }}", modules.join(", "));
    node.config.routes = "[{ match: { namespace: web }, filters: [counts], destination: main }, \
         { match: { namespace: fails }, filters: [fails], destination: main }, \
         { filters: [refused], destination: main }]"
        .to_owned();
    let refuses = Fault::Error {
        code: "InvalidParameterException".to_owned(),
        message: "no".to_owned(),
    };
    let entity = Fault::RejectEntity {
        error_type: "InvalidTypeValue".to_owned(),
    };
    let on_puts = |fault| Rule::always(fault).on("PutLogEvents");
    node.fake
        .set_script(vec![on_puts(refuses).times(1), on_puts(entity)]);
    let mut web = node.kubelet.start("web", "shop-1", "app");
    let mut fails = node.kubelet.start("fails", "shop-2", "app");
    web.print("rejected");
    fails.print("kept on the node");
    let mut agent = node.start();
    until("the record is rejected", || {
        metrics(address).contains("logsieve_sink_rejected_records_total{")
    });
    web.print("taken");
    let (mut missing, mut unknown) = (Vec::new(), Vec::new());
    let same = agent.holds_in_time(|_| {
        let (documented, shown) = (documented(), shown(&metrics(address)));
        missing = documented.difference(&shown).cloned().collect();
        unknown = shown.difference(&documented).cloned().collect();
        missing.is_empty() && unknown.is_empty()
    });
    assert!(
        same,
        "documented only: {missing:?}; shown only: {unknown:?}"
    );
}
