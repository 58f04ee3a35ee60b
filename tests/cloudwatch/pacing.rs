//! How often and how many at once the sender asks, and in which order requests are on their way.
//!
//! Looked at from the service's side, in its books; nothing here is measured in time.

use std::time::Duration;

use logsieve::record::Count;
use support::cloudwatch::{FakeCloudWatch, Fault, Options, RequestSummary, Rule};

use crate::client::{GROUP, STREAM, now_ms, sdk, sdk_with_stream};
use crate::rig::{Rig, config};

fn slow() -> Rule {
    Rule::always(Fault::Slow { milliseconds: 60 }).on("PutLogEvents")
}

/// Records of a thousand bytes, so many in each millisecond.
fn records(from_ms: i64, count: usize, each_ms: usize) -> Vec<(i64, String)> {
    let text = "x".repeat(1_000);
    let record = |at: usize| (from_ms + (at / each_ms) as i64, format!("{at:06} {text}"));
    (0..count).map(record).collect()
}

fn lent(records: &[(i64, String)]) -> Vec<(i64, &str)> {
    records
        .iter()
        .map(|(ms, text)| (*ms, text.as_str()))
        .collect()
}

fn overlapping(puts: &[RequestSummary]) -> Vec<(&RequestSummary, &RequestSummary)> {
    let pairs = puts
        .iter()
        .enumerate()
        .flat_map(|(at, first)| puts[at + 1..].iter().map(move |second| (first, second)));
    pairs
        .filter(|(first, second)| first.overlaps(second))
        .collect()
}

/// The most requests that were at the service at once.
fn most_at_once(puts: &[RequestSummary]) -> usize {
    let at_once = |put: &RequestSummary| {
        let there = |other: &&RequestSummary| {
            other.began_us <= put.began_us && other.ended_us.is_none_or(|end| end > put.began_us)
        };
        puts.iter().filter(there).count()
    };
    puts.iter().map(at_once).max().unwrap_or(0)
}

#[tokio::test]
async fn several_requests_of_one_stream_are_on_their_way_at_once_and_its_order_holds() {
    let mut rig = Rig::new(vec![slow()]).await;
    let written = records(now_ms() - 1000, 12_000, 20);
    for batch in written.chunks(250) {
        rig.write(1, &lent(batch));
    }
    rig.flush();
    rig.settled().await;
    let wanted: Vec<&String> = written.iter().map(|(_, text)| text).collect();
    assert!(rig.stored().iter().eq(wanted));
    let puts = rig.fake.requests_for("PutLogEvents");
    let pairs = overlapping(&puts);
    assert!(!pairs.is_empty(), "never two at once: {puts:?}");
    for (first, second) in pairs {
        assert_ne!(
            first.last_ms, second.first_ms,
            "one millisecond in two on their way"
        );
    }
}

#[tokio::test]
async fn a_container_whose_time_falls_back_waits_for_its_answer() {
    let mut rig = Rig::new(vec![slow()]).await;
    let now = now_ms();
    for ms in [5, 4, 3, 2, 1, 1, 1] {
        rig.write(1, &[(now + ms, "of one")]);
        rig.flush();
        rig.write(2, &[(now + 20 - ms, "of two")]);
        rig.flush();
    }
    rig.settled().await;
    let puts = rig.fake.requests_for("PutLogEvents");
    // Requests of the container whose time falls: those before the tenth millisecond.
    let of_one: Vec<_> = puts
        .into_iter()
        .filter(|p| p.first_ms < Some(now + 10))
        .collect();
    assert_eq!((of_one.len(), overlapping(&of_one).len()), (7, 0));
}

#[tokio::test]
async fn no_more_requests_are_at_the_service_than_are_configured() {
    let fake = FakeCloudWatch::start();
    sdk_with_stream(&fake).await;
    fake.set_script(vec![slow()]);
    let mut config = config(&fake);
    config.requests_max = 3;
    let mut rig = Rig::with(fake, &config);
    let now = now_ms();
    for at in 0..30 {
        rig.write(at, &[(now, "m")]);
        rig.flush();
    }
    rig.settled().await;
    let puts = rig.fake.requests_for("PutLogEvents");
    assert_eq!((puts.len(), most_at_once(&puts)), (30, 3));
    assert_eq!(rig.account.limit(), 3);
}

#[tokio::test]
async fn connections_are_used_again() {
    let mut rig = Rig::new(Vec::new()).await;
    let now = now_ms();
    for at in 0..40 {
        rig.write(1, &[(now + at, "m")]);
        rig.flush();
        rig.settled().await;
    }
    let puts = rig.fake.requests_for("PutLogEvents");
    let connections: std::collections::BTreeSet<u64> = puts.iter().map(|p| p.connection).collect();
    assert_eq!((puts.len(), connections.len()), (40, 1));
}

/// An account that takes 20 requests a second after a burst of 5, and 60 of other containers.
#[tokio::test]
async fn a_quota_of_the_account_slows_the_sender_down_and_loses_nothing() {
    let quota = Fault::Quota {
        requests_per_1000_seconds: 20_000,
        burst: 5,
    };
    let mut rig = Rig::new(vec![Rule::always(quota).on("PutLogEvents")]).await;
    let now = now_ms();
    for at in 0..60 {
        rig.write(at, &[(now, "m")]);
        rig.flush();
    }
    let tally = rig.settled().await;
    assert_eq!(tally.delivered, Count::new(60, 60));
    assert_eq!(rig.stored().len(), 60);
    let throttled = rig.results("ThrottlingException");
    assert!(
        (1..=60).contains(&throttled),
        "{throttled} throttles for 60 requests"
    );
    assert_eq!(rig.metrics.possible_repeats.get(), 0);
}

#[tokio::test]
async fn what_several_requests_miss_is_created_once_and_nobody_asks_what_there_is() {
    let mut rig = Rig::started(Options::default());
    let now = now_ms();
    for slot in 0..12 {
        for stream in ["one", "two"] {
            rig.write_to(slot, GROUP, stream, &[(now, "m")]);
            rig.flush();
        }
    }
    rig.settled().await;
    assert_eq!(rig.fake.event_count(), 24);
    let made = |operation: &str| {
        let requests = rig.fake.requests_for(operation);
        requests.iter().filter(|r| r.status == Some(200)).count()
    };
    assert_eq!((made("CreateLogGroup"), made("CreateLogStream")), (1, 2));
    let known = ["PutLogEvents", "CreateLogGroup", "CreateLogStream"];
    let asked = rig.fake.requests();
    assert!(asked.iter().all(|r| known.contains(&r.operation.as_str())));
}

/// Six groups and streams are due at once: five creations go at once, and the others one by one.
#[tokio::test]
async fn creations_that_are_throttled_are_made_all_the_same() {
    let throttle = |operation| Rule::always(Fault::Throttle).on(operation).times(1);
    let script = vec![throttle("CreateLogGroup"), throttle("CreateLogStream")];
    let mut rig = Rig::started(Options {
        script,
        ..Options::default()
    });
    rig.write_to(1, GROUP, STREAM, &[(now_ms(), "m")]);
    rig.flush();
    rig.settled().await;
    assert_eq!(rig.stored(), ["m"]);
}

#[tokio::test]
async fn a_group_in_trouble_does_not_hold_up_the_others() {
    let fault = Fault::Error {
        code: "AccessDeniedException".into(),
        message: "not for you".into(),
    };
    let mut rig = Rig::started(Options {
        script: vec![
            Rule::always(fault)
                .on("PutLogEvents")
                .in_log_group("closed"),
        ],
        ..Options::default()
    });
    let now = now_ms();
    for slot in 0..20 {
        rig.write_to(slot, "closed", "stream", &[(now, "m")]);
        rig.flush();
    }
    rig.write_to(20, GROUP, STREAM, &[(now, "m")]);
    rig.flush();
    while rig.stored().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.fake.set_script(Vec::new());
    rig.settled().await;
    assert_eq!(rig.fake.event_count(), 21);
}

/// Two log groups in trouble beside ten that are well: one that the service fails on, and one that it
/// throttles, each with requests of several streams.
#[tokio::test]
async fn log_groups_in_trouble_leave_the_others_their_pace() {
    let down = Fault::Error {
        code: "ServiceUnavailableException".into(),
        message: "m".into(),
    };
    let in_trouble = |fault, group| Rule::always(fault).on("PutLogEvents").in_log_group(group);
    let script = vec![
        in_trouble(down, "/down"),
        in_trouble(Fault::Throttle, "/throttled"),
        slow(),
    ];
    let mut rig = Rig::new(script).await;
    let groups: Vec<String> = (0..10).map(|n| format!("/well/{n}")).collect();
    let sdk = sdk(&rig.fake);
    let stuck = ["/down", "/throttled"];
    for group in groups.iter().map(String::as_str).chain(stuck) {
        let made = sdk.create_log_group().log_group_name(group).send().await;
        made.unwrap();
        for stream in ["a", "b", "c"] {
            let call = sdk.create_log_stream().log_group_name(group);
            call.log_stream_name(stream).send().await.unwrap();
        }
    }
    let now = now_ms();
    let mut write = |slot, group: &str, stream| {
        rig.write_to(slot, group, stream, &[(now, "m")]);
        rig.flush();
    };
    for (slot, stream) in (1000..).zip(["a", "b", "c"]) {
        write(slot, stuck[0], stream);
        write(slot + 1000, stuck[1], stream);
    }
    for slot in 0..300 {
        write(slot, &groups[slot as usize % 10], "a");
    }
    let began = std::time::Instant::now();
    // By then what the first failures did to the pace is made up for.
    rig.settled_of(0..100, &mut || ()).await;
    let (account, mut least) = (rig.account.clone(), usize::MAX);
    let mut look = || least = least.min(account.limit());
    rig.settled_of(100..300, &mut look).await;
    println!("300 requests of healthy groups in {:?}", began.elapsed());
    assert!(least >= 4, "{least} requests at once are left of 8");
    rig.fake.set_script(Vec::new());
    let tally = rig.settled().await;
    assert_eq!(tally.delivered.records, 306);
}
