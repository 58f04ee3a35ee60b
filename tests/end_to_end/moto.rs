//! The agent against moto: a CloudWatch Logs, a SigV4 and an IAM that others wrote.
//!
//! Every record is read back with boto3 and held against what was written: text, time, order.

use support::kubelet::{Driver, Expected, Mix, Stream, Written};
use support::moto::Moto;
use support::tally::{Order, Tally};

use crate::node::{Node, cloudwatch, delivered, wait_for_words};

/// A node that sends to moto, text, with these further keys.
fn node_for(moto: &Moto, more: &str) -> Node {
    let mut node = Node::new();
    let destination = cloudwatch(moto.url(), &format!("format: text, {more}"));
    node.config.destinations = format!("{{ main: {destination} }}");
    node
}

/// The variables of an agent with this secret.
fn credentials<'a>(moto: &'a Moto, secret: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("AWS_ACCESS_KEY_ID", &moto.agent_key().access_key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// Waits until all was read back, and compares.
fn tally(moto: &Moto, written: &[Written]) -> Tally {
    let events = moto.read_at_least(written.len());
    let delivered: Vec<_> = events.iter().map(delivered).collect();
    let expected: Vec<Expected> = written.iter().map(Written::expected).collect();
    Tally::of(&expected, &delivered, Order::Millisecond)
}

#[test]
fn every_record_is_read_back_from_moto_with_its_text_time_and_order() {
    let moto = Moto::start();
    let node = node_for(&moto, "");
    let secret = &moto.agent_key().secret_key;
    let mix = Mix {
        replace: 0,
        restart: 0,
        ..Mix::default()
    };
    let mut driver = Driver::new(&node.kubelet, 5, 6, mix);
    (0..1_000).for_each(|_| driver.step());
    let mut agent = node.start_with(&credentials(&moto, secret));
    tally(&moto, &driver.written()).assert_exactly_once();
    assert!(agent.drain().success());
    (0..1_000).for_each(|_| driver.step());
    let mut agent = node.start_with(&credentials(&moto, secret));
    tally(&moto, &driver.written()).assert_exactly_once();
    assert!(agent.drain().success());
}

#[test]
fn moto_refuses_a_wrong_secret_and_nothing_is_lost() {
    let moto = Moto::start();
    let node = node_for(&moto, "");
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..50).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some words")));
    let mut agent = node.start_with(&credentials(&moto, "wrong"));
    wait_for_words(&mut agent, "SignatureDoesNotMatch");
    agent.kill();
    assert!(moto.read().is_empty());
    let secret = &moto.agent_key().secret_key;
    let mut agent = node.start_with(&credentials(&moto, secret));
    tally(&moto, app.written()).assert_exactly_once();
    assert!(agent.drain().success());
}

#[test]
fn moto_keeps_what_a_new_group_is_given() {
    let moto = Moto::start();
    // Not compressed: moto holds signatures against the body as it reads it, not as it was sent.
    let key = "arn:aws:kms:eu-central-1:123456789012:key/0f00-ba4";
    let create = format!("retention_days: 30, kms_key: '{key}', tags: {{ team: shop }}");
    let node = node_for(&moto, &format!("create: {{ {create} }}"));
    let mut app = node.kubelet.start("web", "shop-1", "app");
    (0..200).for_each(|_| drop(app.print_numbered(Stream::Stdout, "some \"words\" ü")));
    let mut agent = node.start_with(&credentials(&moto, &moto.agent_key().secret_key));
    tally(&moto, app.written()).assert_exactly_once();
    let expected = serde_json::json!({
        "name": "/eks/web", "retention": 30, "kms_key": key, "tags": { "team": "shop" },
    });
    assert_eq!(moto.groups(), [expected]);
    assert!(agent.drain().success());
}
