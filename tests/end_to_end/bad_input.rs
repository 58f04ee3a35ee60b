//! Bad input gets one clear message: the place, the cause, the way out; and no stack trace.
//!
//! Each is tried with `check` and with `run`, which must say the same and end with code 1. Filters are
//! the exception: the agent runs without those that do not work, says so, and their containers wait.

use std::fs;

use crate::node::{Node, module, wait_for_words};

/// What both commands say of a configuration that is wrong.
fn refused(node: &Node) -> String {
    let [checked, ran] = ["check", "run"].map(|command| node.run(command));
    assert_eq!(
        (checked.status.code(), ran.status.code()),
        (Some(1), Some(1)),
        "{}",
        ran.stderr
    );
    let error = |text: &str| {
        let start = text
            .find("error: ")
            .unwrap_or_else(|| panic!("no `error: ` in: {text}"));
        text[start..].to_owned()
    };
    let (checked, ran) = (error(&checked.stderr), error(&ran.stderr));
    assert_eq!(checked, ran, "`check` and `run` say different things");
    assert!(!ran.contains("panicked") && ran.len() < 1500, "{ran}");
    ran
}

/// What `check` says of a filter that does not work. The agent says these words of it as well, and runs.
fn filter_refused(node: &Node, words: &[&str]) -> String {
    let checked = node.run("check");
    assert_eq!(checked.status.code(), Some(1), "{}", checked.stdout);
    says(&checked.stderr, words);
    let mut agent = node.start();
    wait_for_words(&mut agent, "there is no module that works");
    let said = agent.stderr();
    says(&said, words);
    assert!(said.contains("containers wait"), "{said}");
    assert!(agent.drain().success());
    checked.stderr
}

/// What is said of a configuration text.
fn refused_config(text: &str) -> String {
    let node = Node::new();
    let path = node.path().join("logsieve.yaml");
    fs::write(&path, text).unwrap();
    let finished =
        support::agent::finish(["check".as_ref(), "--config".as_ref(), path.as_os_str()]);
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stdout);
    finished.stderr
}

/// Asserts that all of these stand in what was said.
fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "it does not say `{word}`:\n{said}");
    }
}

#[test]
fn unknown_configuration_keys_are_refused_by_name_line_and_column() {
    let said = refused_config("state: /tmp\nsource:\n  container_log:\n    pathh: /var/log/pods\n");
    says(&said, &["pathh", "4", "5", "path"]);
}

#[test]
fn a_configuration_that_is_not_yaml_is_refused_with_its_place() {
    says(
        &refused_config("state: [\n"),
        &["logsieve.yaml", "line 1 column 8"],
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
    let said = refused_config("destinations:\n  main: { cloudwatch: { flush_after: soon } }\n");
    says(&said, &["2", "soon"]);
}

#[test]
fn a_missing_configuration_is_named() {
    let finished = support::agent::finish(["run", "--config", "/no/such/logsieve.yaml"]);
    assert_eq!(finished.status.code(), Some(1));
    says(
        &finished.stderr,
        &["`/no/such/logsieve.yaml`", "No such file"],
    );
}

#[test]
fn a_missing_log_folder_is_named_with_the_way_out() {
    let node = Node::new();
    fs::remove_dir(node.kubelet.pods()).unwrap();
    let path = node.kubelet.pods();
    says(
        &refused(&node),
        &["source.container_log.path", path.to_str().unwrap(), "hint:"],
    );
}

#[test]
fn a_configuration_without_destinations_or_routes_is_refused() {
    let mut node = Node::new();
    node.config.destinations = "{}".to_owned();
    says(&refused(&node), &["destinations"]);
    let mut node = Node::new();
    node.config.routes = "[]".to_owned();
    says(&refused(&node), &["routes"]);
}

#[test]
fn a_route_to_a_filter_that_is_none_is_refused_with_those_that_are() {
    let mut node = Node::new();
    node.config.routes = "[{ filters: [redakt], destination: main }]".to_owned();
    says(&refused(&node), &["route 1", "`redakt`"]);
}

#[test]
fn a_name_template_with_an_open_brace_is_refused() {
    let mut node = Node::new();
    node.config.destinations =
        "{ main: { cloudwatch: { region: eu-central-1, log_group: \"/eks/{k8s\" } } }".to_owned();
    says(&refused(&node), &["`main`", "log_group", "not closed"]);
}

#[test]
fn a_module_that_is_missing_is_named_with_the_folders_that_were_searched() {
    let mut node = Node::new();
    let folder = node.path().join("modules");
    fs::create_dir(&folder).unwrap();
    node.config.filters = format!(
        "{{ directories: [{}], modules: {{ redact: {{}} }} }}",
        folder.display()
    );
    let words = ["redact", "redact.wasm", folder.to_str().unwrap()];
    filter_refused(&node, &words);
}

#[test]
fn a_module_that_is_not_wasm_is_refused() {
    let mut node = Node::new();
    let folder = node.path().join("modules");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("redact.wasm"), "#!/bin/sh\n").unwrap();
    node.config.filters = format!(
        "{{ directories: [{}], modules: {{ redact: {{}} }} }}",
        folder.display()
    );
    let said = filter_refused(&node, &["redact", "redact.wasm", "is not WebAssembly"]);
    says(&said, &["filter `redact`", "hint:"]);
    assert_eq!(
        said.matches("is not WebAssembly").count(),
        1,
        "it says so twice:\n{said}"
    );
}

#[test]
fn settings_that_a_filter_refuses_are_shown_with_its_reason() {
    for (settings, words) in [
        ("{ kind: [card] }", "kind"),
        ("{ kinds: [] }", "nothing would be masked"),
        ("{ patterns: { ticket: \"(\" } }", "pattern"),
    ] {
        let mut node = Node::new();
        let path = module("filters/redact");
        node.config.filters = format!(
            "{{ modules: {{ redact: {{ module: {}, settings: {settings} }} }} }}",
            path.display()
        );
        filter_refused(&node, &["redact", words]);
    }
}

#[test]
fn settings_are_refused_before_anything_is_read() {
    let mut node = Node::new();
    node.config.filters = format!(
        "{{ modules: {{ picky: {{ module: {}, settings: {{ colour: red }} }} }} }}",
        module("guests/refuses_settings").display()
    );
    filter_refused(&node, &["picky", "`red` is no colour for a log"]);
}

#[test]
fn an_admin_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let node = Node::new();
    let path = node.write_config();
    let text = fs::read_to_string(&path).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(&path, text.replace("127.0.0.1:0", &address)).unwrap();
    let finished = support::agent::finish(["run".as_ref(), "--config".as_ref(), path.as_os_str()]);
    assert_eq!(finished.status.code(), Some(1));
    says(&finished.stderr, &["telemetry.listen", &address, "hint:"]);
}

#[test]
fn a_command_that_is_none_is_refused_with_exit_code_2() {
    let finished = support::agent::finish(["fly"]);
    assert_eq!(finished.status.code(), Some(2));
    says(&finished.stderr, &["fly", "--help"]);
}
