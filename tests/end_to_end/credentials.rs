//! Where the agent gets its credentials: each way that a pod on EKS has them, and what is said when
//! there is none.
//!
//! The service takes nothing that the stand-in did not give, so a record that arrives shows that the
//! agent went that way, signature and token included.

use std::time::Duration;

use support::agent::Agent;
use support::cloudwatch::{Fault, Rule};
use support::issuer::{CONTAINER_TOKEN, Issuer, ROLE, WEB_IDENTITY, credentials};
use support::kubelet::Stream;

use crate::node::{CREDENTIALS, Node, wait_for_words};

/// More than any test has issued.
const ISSUED_MAX: usize = 100;
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

/// No way to credentials, as long as a test does not open one.
fn closed() -> Vec<(&'static str, String)> {
    vec![
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
    ]
}

/// Starts an agent; the service knows what the stand-in is going to give, and nothing else.
fn start(node: &Node, variables: &[(&'static str, String)]) -> Agent {
    let known = (1..=ISSUED_MAX).map(credentials);
    node.fake.set_credentials(known.collect());
    start_known(node, variables)
}

/// The same, where the service knows what it always knows.
fn start_known(node: &Node, variables: &[(&'static str, String)]) -> Agent {
    let all: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
    node.start_with(&all)
}

/// Writes records until so many sets of credentials were issued, and waits for all of them.
fn assert_delivers(node: &Node, issuer: &Issuer, agent: &mut Agent, sets: usize) {
    let mut app = node.kubelet.start("web", "shop-1", "app");
    agent.wait_until("records arrive, and credentials were issued", |_| {
        if app.written().is_empty() || issuer.given().len() < sets {
            app.print_numbered(Stream::Stdout, "words");
            return false;
        }
        node.fake.event_count() >= app.written().len()
    });
    node.drain_after(agent, app.written());
    node.tally(app.written()).assert_exactly_once();
    assert!(issuer.refused().is_empty(), "{:?}", issuer.refused());
}

fn asked(issuer: &Issuer) -> Vec<String> {
    issuer.given().into_iter().map(|(asked, _)| asked).collect()
}

/// As a pod has them that has a Pod Identity.
fn pod_identity(node: &Node, issuer: &Issuer) -> Vec<(&'static str, String)> {
    let token = node.path().join("token");
    std::fs::write(&token, CONTAINER_TOKEN).expect("a file");
    let mut variables = closed();
    variables.push((
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        issuer.url() + "/container",
    ));
    variables.push((
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        token.display().to_string(),
    ));
    variables
}

#[test]
fn a_pod_identity_delivers() {
    let (node, issuer) = (Node::new(), Issuer::start(LONG));
    let mut agent = start(&node, &pod_identity(&node, &issuer));
    assert_delivers(&node, &issuer, &mut agent, 1);
    assert_eq!(asked(&issuer), ["container"]);
}

/// They are good for all other log groups, and whoever gives them is not to be asked with every try.
#[test]
fn what_is_denied_to_credentials_does_not_have_them_fetched_again() {
    let (node, issuer) = (Node::new(), Issuer::start(LONG));
    let denied = Fault::Error {
        code: "AccessDeniedException".into(),
        message: "not this group".into(),
    };
    let rule = Rule::always(denied).on("PutLogEvents").times(5);
    node.fake.set_script(vec![rule]);
    let mut agent = start(&node, &pod_identity(&node, &issuer));
    assert_delivers(&node, &issuer, &mut agent, 1);
    assert_eq!(asked(&issuer), ["container"]);
}

#[test]
fn a_web_identity_delivers() {
    let (node, issuer) = (Node::new(), Issuer::start(LONG));
    let token = node.path().join("token");
    std::fs::write(&token, WEB_IDENTITY).expect("a file");
    let mut variables = closed();
    variables.push(("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()));
    variables.push(("AWS_ROLE_ARN", ROLE.to_owned()));
    variables.push(("AWS_ENDPOINT_URL_STS", issuer.url()));
    let mut agent = start(&node, &variables);
    assert_delivers(&node, &issuer, &mut agent, 1);
    assert_eq!(asked(&issuer), ["AssumeRoleWithWebIdentity"]);
}

#[test]
fn instance_metadata_delivers() {
    let (node, issuer) = (Node::new(), Issuer::start(LONG));
    let mut variables = closed();
    variables.retain(|(name, _)| *name != "AWS_EC2_METADATA_DISABLED");
    variables.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", issuer.url()));
    let mut agent = start(&node, &variables);
    assert_delivers(&node, &issuer, &mut agent, 1);
    assert_eq!(asked(&issuer), ["instance"]);
}

#[test]
fn a_profile_delivers() {
    let node = Node::new();
    let file = node.path().join("credentials");
    let [(_, key), (_, secret), _] = CREDENTIALS;
    let text = format!("[logs]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n");
    std::fs::write(&file, text).expect("a file");
    let mut variables = closed();
    variables.retain(|(name, _)| *name != "AWS_SHARED_CREDENTIALS_FILE");
    variables.push(("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()));
    variables.push(("AWS_PROFILE", "logs".to_owned()));
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "words");
    let mut agent = start_known(&node, &variables);
    node.drain_after(&mut agent, app.written());
}

/// The role is assumed with the pod's own credentials, at the token service, not at the endpoint of
/// CloudWatch Logs.
#[test]
fn a_role_of_another_account_is_assumed() {
    let (mut node, issuer) = (Node::new(), Issuer::start(LONG));
    let more = format!("format: text, role: {{ arn: '{ROLE}', external_id: x-1 }}");
    let destination = crate::node::cloudwatch(&node.fake.url(), &more);
    node.config.destinations = format!("{{ main: {destination} }}");
    let own = CREDENTIALS.map(|(name, value)| (name, value.to_owned()));
    let mut variables = own.to_vec();
    variables.push(("AWS_ENDPOINT_URL_STS", issuer.url()));
    let mut agent = start(&node, &variables);
    assert_delivers(&node, &issuer, &mut agent, 1);
    assert_eq!(asked(&issuer), ["AssumeRole"]);
}

/// They are got anew a minute to half a minute before they expire, so these within half a minute.
#[test]
fn credentials_are_renewed_before_they_expire_and_nothing_is_lost() {
    let (node, issuer) = (Node::new(), Issuer::start(Duration::from_secs(62)));
    let token = node.path().join("token");
    std::fs::write(&token, CONTAINER_TOKEN).expect("a file");
    let mut variables = closed();
    variables.push((
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        issuer.url() + "/container",
    ));
    variables.push((
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        token.display().to_string(),
    ));
    let mut agent = start(&node, &variables);
    assert_delivers(&node, &issuer, &mut agent, 2);
    let said = agent.stderr();
    assert!(!said.contains("expired"), "{said}");
}

#[test]
fn without_credentials_the_agent_says_where_it_looked_and_waits() {
    let node = Node::new();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print_numbered(Stream::Stdout, "words");
    let mut agent = start_known(&node, &closed());
    for place in [
        "Environment",
        "Profile",
        "WebIdentityToken",
        "EcsContainer",
        "Ec2InstanceMetadata",
    ] {
        wait_for_words(&mut agent, place);
    }
    let said = agent.stderr();
    let line = said.lines().find(|line| line.contains("Environment"));
    assert!(
        line.is_some_and(|l| l.contains("Ec2InstanceMetadata")),
        "{said}"
    );
    assert!(node.fake.requests().is_empty());
    agent.kill();
    // Nothing was settled, so the next one sends it.
    let mut agent = node.start();
    node.drain_after(&mut agent, app.written());
    node.tally(app.written()).assert_exactly_once();
}

#[test]
fn facts_of_the_machine_come_from_the_instances_metadata() {
    let issuer = Issuer::start(LONG);
    let mut node = Node::new();
    let to = &mut node.config.destinations;
    *to = to.replace(
        "{k8s.pod.name}/",
        "{cloud.account.id}-{host.id}-{host.type}/",
    );
    node.config.more = "enrich: { instance: true, facts: { host.type: ours } }".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print("words");
    let at = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", issuer.url());
    let mut agent = start_known(&node, &with_keys(at));
    agent.wait_until("the record arrives", |_| node.fake.event_count() == 1);
    let stream = "123456789012-i-0123456789abcdef0-ours/app".to_owned();
    assert_eq!(node.fake.stream_names(), [("/eks/web".to_owned(), stream)]);
    assert!(agent.drain().success());
}

#[test]
fn an_agent_that_may_not_ask_for_the_machine_starts_without_its_facts() {
    let mut node = Node::new();
    node.config.more = "enrich: { instance: true }".to_owned();
    let mut app = node.kubelet.start("web", "shop-1", "app");
    app.print("words");
    // Nobody listens there any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let url = format!("http://{}", gone.expect("a port"));
    let at = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url);
    let mut agent = start_known(&node, &with_keys(at));
    wait_for_words(&mut agent, "facts of the machine are not known");
    agent.wait_until("the record arrives", |_| node.fake.event_count() == 1);
    assert!(agent.drain().success());
}

/// The credentials that the service always knows, and one variable more.
fn with_keys(more: (&'static str, String)) -> Vec<(&'static str, String)> {
    let keys = CREDENTIALS
        .iter()
        .filter(|(name, _)| !name.contains("METADATA"));
    let keys = keys.map(|(name, value)| (*name, (*value).to_owned()));
    keys.chain([more]).collect()
}
