//! `logsieve.yaml` changes under the running agent: what it says is in force from the next batch on,
//! or refused as a whole.

use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};
use support::configmap::ConfigMap;

use crate::node::{
    CREDENTIALS, Node, a_while, cloudwatch, metrics, module, texts, until, wait_for_words,
    with_metrics,
};

/// Words of the log when a new configuration is in force.
const IN_FORCE: &str = "the new configuration is in force";

fn filter(settings: &str) -> String {
    let module = module("guests/prefixes");
    format!(
        "{{ modules: {{ f: {{ module: {}, settings: {settings} }} }} }}",
        module.display()
    )
}

/// Writes the node's configuration, and waits until it has been in force so many times.
fn reload(node: &Node, agent: &mut Agent, times: usize) {
    // What it starts with, it does not change to.
    wait_for_words(agent, "logsieve runs");
    node.write_config();
    agent.wait_until("the new configuration is in force", |agent| {
        agent.stderr().matches(IN_FORCE).count() >= times
    });
}

fn arrive(node: &Node, agent: &mut Agent, count: usize) {
    agent.wait_until(&format!("{count} records arrive"), |_| {
        node.fake.event_count() >= count
    });
}

#[test]
fn filters_and_their_settings_change_in_the_running_agent() {
    let mut node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    app.print("one");
    arrive(&node, &mut agent, 1);
    node.config.filters = filter("{ with: 'a ' }");
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    reload(&node, &mut agent, 1);
    app.print("two");
    arrive(&node, &mut agent, 2);
    node.config.filters = filter("{ with: 'b ' }");
    reload(&node, &mut agent, 2);
    wait_for_words(&mut agent, "new settings or limits take over");
    app.print("three");
    arrive(&node, &mut agent, 3);
    // Settings that the filter refuses leave the former, with their module, in charge.
    node.config.filters = filter("{ wiht: 'c ' }");
    reload(&node, &mut agent, 3);
    wait_for_words(&mut agent, "wiht");
    app.print("four");
    arrive(&node, &mut agent, 4);
    node.config.routes = "[{ destination: main }]".to_owned();
    reload(&node, &mut agent, 4);
    app.print("five");
    arrive(&node, &mut agent, 5);
    let expected = ["one", "a two", "b three", "b four", "five"];
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), expected);
}

#[test]
fn a_container_that_no_route_took_is_read_once_one_does() {
    let mut node = Node::new();
    let mut web = node.kubelet.start("web", "shop-1", "app");
    let mut batch = node.kubelet.start("batch", "job-1", "app");
    let only =
        |namespace: &str| format!("[{{ match: {{ namespace: {namespace} }}, destination: main }}]");
    node.config.routes = only("web");
    let mut agent = node.start();
    batch.print("before");
    web.print("one");
    arrive(&node, &mut agent, 1);
    node.config.routes = only("'*'");
    reload(&node, &mut agent, 1);
    batch.print("after");
    arrive(&node, &mut agent, 3);
    assert_eq!(texts(&node, "/eks/batch", "job-1/app"), ["before", "after"]);
    // And one that no route takes any more is read no more.
    node.config.routes = only("batch");
    reload(&node, &mut agent, 2);
    web.print("two");
    a_while();
    batch.print("last");
    arrive(&node, &mut agent, 4);
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), ["one"]);
}

#[test]
fn records_go_to_a_new_destination_and_none_is_lost_or_repeated() {
    let mut node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    let mut expected = 0;
    for generation in 1..6 {
        for number in 0..200 {
            app.print(format!("{generation}.{number}"));
        }
        expected += 200;
        // Half of the changes come while records are on their way.
        if generation % 2 == 0 {
            arrive(&node, &mut agent, expected);
        }
        let group = format!("/gen-{generation}/");
        let destination = cloudwatch(&node.fake.url(), "format: text").replace("/eks/", &group);
        node.config.destinations = format!("{{ main: {destination} }}");
        reload(&node, &mut agent, generation);
    }
    arrive(&node, &mut agent, expected);
    assert!(agent.drain().success());
    let streams = node.fake.stream_names();
    let mut all: Vec<String> = Vec::new();
    for (group, stream) in &streams {
        let texts = texts(&node, group, stream);
        let numbers: Vec<(u32, u32)> = texts.iter().map(|t| numbers(t)).collect();
        assert!(numbers.is_sorted(), "{group} {stream}");
        all.extend(texts);
    }
    let mut sorted: Vec<_> = all.iter().map(|t| numbers(t)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((all.len(), sorted.len()), (expected, expected));
}

/// They were tried at the wrong destination for ever, and kept what they took of the budget.
#[test]
fn what_a_destination_did_not_take_goes_where_a_corrected_configuration_says() {
    let mut node = Node::new();
    let main = cloudwatch(&node.fake.url(), "format: text");
    let wrong = main.replace("/eks/", "/wrong/");
    node.config.destinations = format!("{{ main: {wrong} }}");
    let mut denied = Rule::always(Fault::Error {
        code: "AccessDeniedException".into(),
        message: "not this group".into(),
    });
    denied.log_group = Some("/wrong/".into());
    node.fake.set_script(vec![denied]);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..50).for_each(|n| app.print(n.to_string()));
    let mut agent = node.start();
    wait_for_words(&mut agent, "not this group");
    node.config.destinations = format!("{{ main: {main} }}");
    reload(&node, &mut agent, 1);
    (50..60).for_each(|n| app.print(n.to_string()));
    arrive(&node, &mut agent, 60);
    let mut arrived = texts(&node, "/eks/web", "shop-1/app");
    arrived.sort_by_key(|text| text.parse::<u32>().unwrap());
    let all: Vec<String> = (0..60).map(|n: u32| n.to_string()).collect();
    assert_eq!(arrived, all);
    assert!(agent.drain().success());
}

fn numbers(text: &str) -> (u32, u32) {
    let (generation, number) = text.split_once('.').unwrap();
    (generation.parse().unwrap(), number.parse().unwrap())
}

#[test]
fn what_a_filter_holds_is_taken_back_when_its_chain_changes() {
    let mut node = Node::new();
    let holds = module("guests/holds_stack_traces");
    node.config.filters = format!(
        "{{ hold_idle: 1h, modules: {{ h: {{ module: {} }} }} }}",
        holds.display()
    );
    node.config.routes = "[{ filters: [h], destination: main }]".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    app.print("first");
    app.print("Exception: held");
    arrive(&node, &mut agent, 1);
    a_while();
    node.config.routes = "[{ destination: main }]".to_owned();
    reload(&node, &mut agent, 1);
    app.print("next");
    arrive(&node, &mut agent, 3);
    let expected = ["first", "Exception: held", "next"];
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), expected);
}

#[test]
fn a_configuration_that_is_refused_leaves_the_former_in_force() {
    let mut node = Node::new();
    let admin = with_metrics(&mut node);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    app.print("one");
    arrive(&node, &mut agent, 1);
    let good = node.config.clone();
    for (number, (routes, words)) in [
        ("[{ destination: nowhere }]", "`nowhere` is no destination"),
        ("[{ destnation: main }]", "destnation"),
        (
            "[{ match: { labels: { a: b } }, destination: main }]",
            "a restart is needed",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        node.config.routes = routes.to_owned();
        node.write_config();
        wait_for_words(&mut agent, words);
        let line = format!("logsieve_config_refusals_total {}", number + 1);
        agent.wait_until(&format!("the metrics show `{line}`"), |_| {
            metrics(admin).contains(&line)
        });
        app.print("more");
        arrive(&node, &mut agent, 2 + number);
    }
    node.config = good;
    reload(&node, &mut agent, 1);
    assert_eq!(texts(&node, "/eks/web", "shop-1/app").len(), 4);
}

#[test]
fn what_needs_a_restart_is_named_and_the_rest_changes() {
    let mut node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let mut agent = node.start();
    app.print("one");
    arrive(&node, &mut agent, 1);
    node.config.more = "lanes: 3\nbudget: 64MiB".to_owned();
    node.config.filters = filter("{ with: 'a ' }");
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    reload(&node, &mut agent, 1);
    let said = agent.stderr();
    assert!(
        said.contains("a restart is needed for the new `lanes`, `budget`"),
        "{said}"
    );
    app.print("two");
    arrive(&node, &mut agent, 2);
    assert_eq!(texts(&node, "/eks/web", "shop-1/app"), ["one", "a two"]);
}

#[test]
fn a_configuration_in_a_configmap_volume_is_taken_up() {
    let mut node = Node::new();
    let mut etc = ConfigMap::mount(&node.path().join("etc"));
    let mut take = |node: &Node| {
        let text = std::fs::read(node.write_config()).unwrap();
        etc.set("logsieve.yaml", text);
        etc.folder().join("logsieve.yaml")
    };
    let path = take(&node);
    let mut app = node.kubelet.start("web", "shop-1", "app");
    let arguments = ["run".as_ref(), "--config".as_ref(), path.as_os_str()];
    let mut agent = Agent::spawn(arguments, &CREDENTIALS);
    app.print("one");
    arrive(&node, &mut agent, 1);
    node.config.filters = filter("{ with: 'a ' }");
    node.config.routes = "[{ filters: [f], destination: main }]".to_owned();
    take(&node);
    wait_for_words(&mut agent, IN_FORCE);
    app.print("two");
    arrive(&node, &mut agent, 2);
    until("both are there", || {
        texts(&node, "/eks/web", "shop-1/app") == ["one", "a two"]
    });
}
