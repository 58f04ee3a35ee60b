//! Filters that teams ship, and that nobody names in the configuration: they come, change and go in the
//! team's ConfigMap, pods turn them on by annotation, and the operator bounds what they may do.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use support::agent::{Agent, finish};
use support::configmap::ConfigMap;

use crate::cluster::{Cluster, EVERYTHING};
use crate::node::{module, until, wait_for_words, with_metrics};

const ALLOW: &str = "annotations: { allow: [{ namespace: team-a, filters: [redact, 'pay/*'] }] }";

/// A cluster whose operator lets team `pay` ship filters, and the volume of its ConfigMap.
fn cluster(team: &str, allow: &str) -> (Cluster, ConfigMap) {
    let mut cluster = Cluster::new(EVERYTHING, allow);
    let folder = cluster.node.path().join("filters");
    fs::create_dir(&folder).expect("a folder below the test's own");
    let volume = ConfigMap::mount(&folder.join("pay"));
    let redact = module("filters/redact");
    cluster.node.config.filters = format!(
        "{{ directories: [{}], teams: {{ pay: {team} }}, modules: {{ redact: {{ module: {} }} }} }}",
        folder.display(),
        redact.display()
    );
    (cluster, volume)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(module(name)).expect("it was built")
}

/// A ConfigMap's keys: a module by this name, with settings beside.
fn ships(name: &str, module: &str, settings: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        (format!("{name}.wasm"), bytes(module)),
        (format!("{name}.settings.yaml"), settings.into()),
    ])
}

fn annotated(filters: &str) -> Value {
    json!({ "logsieve.dev/filters": filters })
}

fn last(cluster: &Cluster) -> String {
    cluster.stream("api/api").pop().unwrap_or_default()
}

#[test]
fn a_teams_filter_comes_changes_and_goes_without_a_restart_or_a_word_from_the_operator() {
    let (mut cluster, mut volume) = cluster("{}", ALLOW);
    cluster.pod("p1", "api", annotated("pay/mark"));
    let mut container = cluster.container("p1", "one");
    cluster.start();
    // Its filter is not there yet: the record waits, and the pod is told.
    until("an Event is written", || {
        !cluster.api.all("events").is_empty()
    });
    cluster.nothing_arrived();
    let mut files = ships("mark", "guests/prefixes", "with: 'a '");
    let examples = "settings: { with: 'x ' }\nexamples: [{ name: e, in: [r], out: [x r] }]";
    files.insert("mark.examples.yaml".into(), examples.into());
    volume.set_all(files);
    cluster.until_stream_has("api/api", &["a one"]);

    volume.set("mark.settings.yaml", "with: 'b '");
    until("its new settings are in force", || {
        container.print("two");
        last(&cluster) == "b two"
    });
    volume.set("mark.settings.yaml", "wiht: 'c '");
    wait_for_words(cluster.agent(), "wiht");
    volume.set_all(ships("mark", "filters/redact", "{}"));
    until("another module takes over", || {
        container.print("card 4111111111111111");
        let last = last(&cluster);
        last.starts_with("card") && !last.contains("4111")
    });

    // What is gone is stood for, in this run of the agent and in the next.
    volume.set_all(BTreeMap::new());
    wait_for_words(cluster.agent(), "pay/mark");
    container.print("still 4111111111111111");
    until("the next record", || last(&cluster).starts_with("still"));
    assert!(!last(&cluster).contains("4111"), "{}", last(&cluster));
    assert!(cluster.agent().drain().success());
    container.print("again 4111111111111111");
    cluster.start();
    until("one after a restart", || {
        last(&cluster).starts_with("again")
    });
    assert!(!last(&cluster).contains("4111"), "{}", last(&cluster));
}

#[test]
fn a_module_and_its_settings_are_always_of_one_generation() {
    let (mut cluster, mut volume) = cluster("{}", ALLOW);
    cluster.pod("p1", "api", annotated("pay/f"));
    let mut container = cluster.container("p1", "one");
    // `redact` refuses the other's settings, so a mixed pair would be told.
    let pairs = [
        ships("f", "guests/prefixes", "with: 'a '"),
        ships("f", "filters/redact", "{}"),
    ];
    volume.set_all(pairs[1].clone());
    cluster.start();
    cluster.until_stream_has("api/api", &["one"]);
    for round in 0..25 {
        volume.set_all(pairs[round % 2].clone());
        container.print("more");
    }
    until("the last pair is in charge", || {
        container.print("end");
        last(&cluster) == "a end"
    });
    let said = cluster.agent().stderr();
    assert!(!said.contains("refused"), "{said}");
}

#[test]
fn a_team_can_do_no_more_than_the_operator_allows() {
    let allow = "annotations: { allow: [{ namespace: team-a, filters: ['pay/a*'] }] }";
    let (mut cluster, mut volume) = cluster("{ filters_max: 2 }", allow);
    let address = with_metrics(&mut cluster.node);
    let noop = bytes("guests/noop");
    let all = ["a.wasm", "b.wasm", "c.wasm"].map(|file| (file.to_owned(), noop.clone()));
    volume.set_all(all.into());
    volume.set("a.wasm", "no module at all");
    cluster.pod("broken", "api", annotated("pay/a"));
    cluster.pod("elsewhere", "api", annotated("pay/b"));
    cluster.pod("surplus", "api", annotated("pay/c"));
    cluster.pod("plain", "plain", json!({}));
    let _waiting = ["broken", "elsewhere", "surplus"].map(|pod| cluster.container(pod, "no"));
    let _other = cluster.container("plain", "yes");
    cluster.start();
    wait_for_words(cluster.agent(), "more than 2 filters; not run: `c`");
    until("what is wrong is told on the pods", || {
        cluster.api.all("events").len() >= 2
    });
    cluster.until_stream_has("api/plain", &["yes"]);
    let at = address.to_string();
    let mut status = Value::Null;
    until("it is ready: a team's mistake is the team's alone", || {
        let said = finish(["status", "--json", "--at", &at]).stdout;
        status = serde_json::from_str(&said).unwrap_or_default();
        status["ready"] == true
    });
    let why = |pod: &str| {
        let all = status["containers"].as_array().cloned().unwrap_or_default();
        let of = all.into_iter().find(|c| c["pod"] == pod);
        of.unwrap_or_default()["why"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        why("broken").contains("`pay/a` has no module"),
        "{}",
        why("broken")
    );
    assert!(
        why("elsewhere").contains("`pay/b` is no filter"),
        "{}",
        why("elsewhere")
    );
    assert!(
        why("surplus").contains("`pay/c` is no filter"),
        "{}",
        why("surplus")
    );
    assert_eq!(cluster.node.fake.event_count(), 1);
    // The team puts it right.
    volume.set("a.wasm", noop);
    until("the record that waited", || {
        cluster.node.fake.event_count() == 2
    });
}

#[test]
fn a_check_names_what_teams_ship_and_what_is_wrong_with_it() {
    let (cluster, mut volume) = cluster("{}", ALLOW);
    volume.set_all(ships("good", "guests/noop", "{}"));
    volume.set("bad.wasm", "no module at all");
    let finished = cluster.node.run("check");
    assert!(finished.status.success(), "{}", finished.stderr);
    let said = finished.stdout;
    assert!(said.contains("pay/good  sha256 "), "{said}");
    assert!(
        said.contains("pay/bad") && said.contains("not WebAssembly"),
        "{said}"
    );
}

#[test]
fn a_pushed_filter_of_a_team_runs_when_the_kubelet_has_brought_it() {
    let (mut cluster, mut volume) = cluster("{}", ALLOW);
    let address = with_metrics(&mut cluster.node);
    let settings = cluster.node.path().join("settings.yaml");
    fs::write(&settings, "with: 'p '").expect("the file is ours");
    crate::push::own_pod(&cluster, address);
    cluster.start();
    let module = module("guests/prefixes").display().to_string();
    let settings = settings.display().to_string();
    let words = [
        "filter",
        "push",
        &module,
        "--team",
        "pay",
        "--wait",
        "60",
        "--settings",
        &settings,
    ];
    let mut push: Agent = crate::push::spawn(&cluster, &words);
    let keys = || {
        let name = "logsieve-filters-pay";
        let map = cluster.api.get("configmaps", "logsieve", name);
        map.unwrap_or_default()["binaryData"].clone()
    };
    // It is made without keys, and has all of them at once.
    until("the ConfigMap is filled", || !keys().is_null());
    let keys = keys();
    assert!(keys["prefixes.wasm"].is_string(), "{keys}");
    assert!(keys["prefixes.settings.yaml"].is_string(), "{keys}");
    volume.set_all(ships("prefixes", "guests/prefixes", "with: 'p '"));
    let status = push.wait_for_exit();
    assert!(status.success(), "{}", push.stderr());
    assert!(push.stdout().contains("every node runs it"));
    // The same module with other settings is not in force before these are.
    fs::write(&settings, "with: 'q '").expect("the file is ours");
    let push = |wait: &str, more: &[&str]| {
        let words = ["filter", "push", &module, "--team", "pay", "--wait", wait];
        let mut push = crate::push::spawn(&cluster, &[&words, more].concat());
        (push.wait_for_exit().code(), push.stdout() + &push.stderr())
    };
    let lay = ["--settings", settings.as_str()];
    let (code, said) = push("1", &lay);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("agent-0: runs it with other settings"),
        "{said}"
    );
    volume.set_all(ships("prefixes", "guests/prefixes", "with: 'q '"));
    let (code, said) = push("60", &lay);
    assert_eq!(code, Some(0), "{said}");
    // What the filter refuses is told as that, and not as in force: settings by another hand here, since a
    // push refuses them by itself.
    let name = "logsieve-filters-pay";
    let mut map = cluster
        .api
        .get("configmaps", "logsieve", name)
        .expect("it is there");
    map["binaryData"]["prefixes.settings.yaml"] = "d2l0aDogNw==".into();
    cluster.api.put("configmaps", map);
    volume.set_all(ships("prefixes", "guests/prefixes", "with: 7"));
    let (code, said) = push("5", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is refused: "), "{said}");
}
