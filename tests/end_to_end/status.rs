//! What the agent says of itself: `/status` and `logsieve status`, and whether it is well. Asked from
//! outside, as a probe or a person does.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};
use support::agent::{Agent, Finished, finish};

use crate::cluster::{CARD, Cluster, EVERYTHING, SELF_SERVICE};
use crate::node::{until, with_metrics};

fn ask(address: SocketAddr, more: &[&str]) -> Finished {
    let at = address.to_string();
    let words = ["status", "--at", &at];
    finish(words.iter().chain(more).copied())
}

fn status(address: SocketAddr) -> Value {
    let finished = ask(address, &["--json"]);
    serde_json::from_str(&finished.stdout).unwrap_or_default()
}

/// A cluster whose agent shows its admin page.
fn cluster(more: &str) -> (Cluster, SocketAddr) {
    let mut cluster = Cluster::new(EVERYTHING, more);
    let address = with_metrics(&mut cluster.node);
    (cluster, address)
}

#[test]
fn the_status_tells_where_every_container_stands() {
    let (mut cluster, address) = cluster(SELF_SERVICE);
    cluster.pod("p1", "api", json!({ "logsieve.dev/filters": "redact" }));
    cluster.pod("p2", "api", json!({ "logsieve.dev/filters": "redcat" }));
    let _reads = cluster.container("p1", CARD);
    let _waits = cluster.container("p2", CARD);
    cluster.start();
    until("the record of one is delivered, the other waits", || {
        let status = status(address);
        let state = |at: usize| status["containers"][at]["state"].clone();
        (state(0), state(1)) == (json!("reads"), json!("waits"))
            && status["containers"][0]["lag_bytes"] == 0
            && cluster.node.fake.event_count() == 1
    });
    let status = status(address);
    let [reads, waits] = [0, 1].map(|at| &status["containers"][at]);
    assert_eq!(reads["filters"], json!(["redact"]));
    assert_eq!(reads["destinations"], json!(["main"]));
    let file = &reads["files"][0];
    assert_eq!(file["offset"], file["length"]);
    assert_eq!(file["committed_offset"], file["length"]);
    let books = &reads["ledger"];
    assert_eq!(books["records"]["delivered"]["records"], 1, "{books}");
    assert_eq!(books["settled_bytes"], file["length"], "{books}");
    let bytes = ["unread_bytes", "unsettled_bytes", "lost_bytes"].map(|key| books[key].clone());
    assert_eq!(bytes, [json!(0), json!(0), json!(0)], "{books}");
    let unread = &waits["ledger"]["unread_bytes"];
    assert_eq!(unread, &waits["files"][0]["length"], "{waits}");
    assert!(waits["lag_bytes"].as_u64() > Some(0), "{waits}");
    let why = waits["why"].as_str().unwrap_or_default();
    assert!(why.contains("redcat"), "{why}");
    assert_eq!(status["filters"][0]["name"], "redact");
    let hash = status["filters"][0]["sha256"].as_str().unwrap_or_default();
    assert_eq!(hash.len(), 64);
    assert_eq!(
        status["pods"],
        json!({ "watched": true, "listed": true, "known": 2 })
    );
}

#[test]
fn people_read_the_status_as_a_table() {
    let (mut cluster, address) = cluster(SELF_SERVICE);
    cluster.pod("p2", "api", json!({ "logsieve.dev/filters": "redcat" }));
    let _waits = cluster.container("p2", CARD);
    cluster.start();
    let mut said = String::new();
    until("the table shows the container", || {
        said = ask(address, &[]).stdout;
        let words = ["team-a/p2/app", "`redcat` is no filter", "on node-1: ready"];
        words.iter().all(|w| said.contains(w))
    });
    assert!(said.contains("on node-1: ready, 1 pods known"), "{said}");
    assert!(said.contains("waits"), "{said}");
}

#[test]
fn people_read_the_books_as_a_table_and_watch_them() {
    let (mut cluster, address) = cluster("");
    cluster.pod("p1", "api", json!({}));
    let mut container = cluster.container("p1", "one");
    cluster.start();
    let at = address.to_string();
    let mut watch = Agent::spawn(["status", "--watch", "--at", &at], &[]);
    // The table as it was drawn last, and the cell below this word of its head.
    let cell = |watch: &Agent, head: &str| {
        let said = watch.stdout();
        let table = said.rsplit("\x1b[2J").next().unwrap_or_default().to_owned();
        let mut lines = table.lines();
        let column = lines
            .find(|l| l.starts_with("CONTAINER"))
            .and_then(|l| l.find(head));
        let row = lines.find(|line| line.starts_with("team-a/p1/app"));
        let cell = column.and_then(|at| row?.get(at..)?.split("  ").next());
        cell.unwrap_or_default().to_owned()
    };
    let shows = |watch: &mut Agent, delivered: &str| {
        watch.wait_until(&format!("{delivered} are delivered"), |watch| {
            cell(watch, "DELIVERED") == delivered
        });
    };
    shows(&mut watch, "1");
    assert_eq!(cell(&watch, "LOST"), "0 B");
    assert_eq!(cell(&watch, "STATE"), "reads");
    (0..2).for_each(|_| container.print("more"));
    shows(&mut watch, "3");
    assert!(watch.is_running(), "it goes on until it is stopped");
    watch.kill();
}

/// The kubelet probes a pod of an IPv6 cluster at its only address.
#[test]
fn an_agent_that_moves_is_healthy_by_ipv4_and_ipv6() {
    let (mut cluster, by_ipv4) = cluster("");
    cluster.node.config.listen = format!("\"[::]:{}\"", by_ipv4.port());
    cluster.start();
    let by_ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, by_ipv4.port()));
    // The machine that tests it may have none.
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let all = [Some(by_ipv4), has_ipv6.then_some(by_ipv6)];
    for address in all.into_iter().flatten() {
        let mut stream = TcpStream::connect(address).expect("the admin page is up");
        write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").expect("a request can be sent");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the answer is text");
        assert!(answer.contains(" 200 "), "{address}: {answer}");
    }
}

#[test]
fn a_status_that_nobody_answers_says_what_to_look_at() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("it has an address");
    drop(nobody);
    let finished = ask(address, &[]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("`telemetry.listen`"),
        "{}",
        finished.stderr
    );
}
