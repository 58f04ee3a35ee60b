//! Every answer that the service, or what stands before it, may give to a request: what the sender
//! does then, and that no record is lost by it.
//!
//! One script for each row of the sender's table; the rows run at the same time, each with a service
//! of its own.

use std::time::Duration;

use logsieve::record::Count;
use logsieve::sink::cloudwatch::retry::{Next, TABLE};
use support::cloudwatch::limits::{AGE_MS_MAX, AHEAD_MS_MAX, DAY_MS};
use support::cloudwatch::{Credentials, FakeCloudWatch, Fault, Options, Rule, StatusBody};
use tokio::task::JoinSet;

use crate::client::{GROUP, STREAM, now_ms, sdk, sdk_with_stream};
use crate::rig::{Rig, config};

fn on_puts(fault: Fault) -> Rule {
    Rule::always(fault).on("PutLogEvents")
}

/// Sends one request of three records to a service whose first answer is this.
async fn send_three(fault: Fault) -> Rig {
    let mut rig = Rig::new(vec![on_puts(fault).times(1)]).await;
    let now = now_ms();
    rig.write(1, &[(now, "a"), (now + 1, "b"), (now + 2, "c")]);
    rig.flush();
    rig.settled().await;
    rig
}

/// Runs each case with a service of its own, all at the same time.
async fn each<C, F>(cases: impl IntoIterator<Item = C>, run: impl Fn(C) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = JoinSet::new();
    for case in cases {
        running.spawn(run(case));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn every_error_of_the_table_is_met_as_its_row_says() {
    each(TABLE, |(code, word, next)| async move {
        let error = Fault::Error {
            code: code.into(),
            message: format!("something about {word} happened"),
        };
        let rig = send_three(error).await;
        let (puts, stored): (usize, &[&str]) = match next {
            // It had been taken before.
            Next::Taken => (1, &[]),
            // Each half once more.
            Next::Split => (3, &["a", "b", "c"]),
            _ => (2, &["a", "b", "c"]),
        };
        assert_eq!(rig.stored(), stored, "{code}");
        assert_eq!(rig.fake.requests_for("PutLogEvents").len(), puts, "{code}");
        assert_eq!(rig.results(code), 1, "{code}");
        let in_doubt = next == (Next::Retry { maybe_taken: true });
        assert_eq!(
            rig.metrics.possible_repeats.get(),
            u64::from(in_doubt),
            "{code}"
        );
        assert_eq!(rig.tally.delivered, Count::new(3, 3), "{code}");
    })
    .await;
}

#[tokio::test]
async fn a_status_without_a_known_code_loses_nothing() {
    let bodies = [
        StatusBody::Empty,
        StatusBody::Json,
        StatusBody::Xml,
        StatusBody::XmlThrottling,
        StatusBody::Html,
    ];
    let statuses = [400, 401, 403, 404, 407, 408, 413, 429, 500, 502, 503, 504];
    let all = bodies
        .iter()
        .flat_map(|body| statuses.map(|status| (status, *body)));
    each(all.collect::<Vec<_>>(), |(status, body)| async move {
        let rig = send_three(Fault::Status { status, body }).await;
        assert_eq!(rig.stored(), ["a", "b", "c"], "{status} {body:?}");
        assert_eq!(rig.tally.delivered, Count::new(3, 3), "{status} {body:?}");
        let code = match body {
            StatusBody::Empty | StatusBody::Html => format!("HTTP {status}"),
            StatusBody::Json => "ServiceUnavailableException".into(),
            StatusBody::Xml => "ServiceUnavailable".into(),
            StatusBody::XmlThrottling => "Throttling".into(),
        };
        assert_eq!(rig.results(&code), 1, "{status} {body:?}");
    })
    .await;
}

/// The fault, how often the records are stored, and how many possible repeats are counted.
#[tokio::test]
async fn an_answer_that_is_lost_is_a_possible_repeat_and_nothing_else_is() {
    let cases = [
        (Fault::Hang, 1, 1),
        (Fault::Drop, 1, 1),
        (Fault::ResetRequest, 1, 1),
        (Fault::StoreThenHang, 2, 1),
        (Fault::StoreThenDrop, 2, 1),
        (Fault::ResetAnswer, 2, 1),
        (Fault::WrongContentType, 2, 1),
        (Fault::GiantAnswer { bytes: 64 << 20 }, 2, 1),
        // Longer than any that the service gives, and read to its end.
        (Fault::GiantAnswer { bytes: 512 << 10 }, 1, 0),
        (Fault::Slow { milliseconds: 200 }, 1, 0),
        (Fault::Throttle, 1, 0),
    ];
    each(cases, |(fault, times, repeats)| async move {
        let rig = send_three(fault.clone()).await;
        let mut stored = rig.stored();
        stored.sort();
        let mut wanted = ["a", "b", "c"].repeat(times);
        wanted.sort_unstable();
        assert_eq!(stored, wanted, "{fault:?}");
        assert_eq!(rig.metrics.possible_repeats.get(), repeats, "{fault:?}");
        assert_eq!(rig.fake.unexcused_repeats(), [], "{fault:?}");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_not_there_has_taken_nothing() {
    let fake = FakeCloudWatch::start();
    let config = config(&fake);
    let address = fake.url().trim_start_matches("http://").parse().unwrap();
    let mut rig = Rig::with(fake, &config);
    // In its place: nothing.
    rig.fake = FakeCloudWatch::start();
    rig.write(1, &[(now_ms(), "a")]);
    rig.flush();
    while rig.results("Connection") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.fake = FakeCloudWatch::start_with(Options {
        listen: address,
        ..Options::default()
    })
    .unwrap();
    rig.settled().await;
    assert_eq!(rig.stored(), ["a"]);
    assert_eq!(rig.metrics.possible_repeats.get(), 0);
}

#[tokio::test]
async fn one_record_that_the_service_refuses_is_found_and_the_others_arrive() {
    let fault = Fault::Error {
        code: "InvalidParameterException".into(),
        message: "Log event too large".into(),
    };
    let mut rig = Rig::new(vec![on_puts(fault).containing("poison")]).await;
    let now = now_ms();
    let texts: Vec<String> = (0..100).map(|n| format!("record {n}")).collect();
    let mut records: Vec<(i64, &str)> = texts.iter().map(|text| (now, text.as_str())).collect();
    records[37].1 = "poison";
    rig.write(1, &records);
    rig.flush();
    let tally = rig.settled().await;
    let mut wanted = texts.clone();
    wanted.remove(37);
    assert_eq!(rig.stored(), wanted);
    assert_eq!(rig.rejected("InvalidParameterException"), 1);
    assert_eq!(
        (tally.rejected, tally.delivered.records),
        (Count::new(1, 6), 99)
    );
}

/// All three indexes at once, over the records of two containers that share the request.
#[tokio::test]
async fn events_that_are_rejected_by_their_time_are_counted_by_reason_and_container() {
    let mut rig = Rig::new(Vec::new()).await;
    let retention = sdk(&rig.fake).put_retention_policy();
    let retention = retention.log_group_name(GROUP).retention_in_days(3);
    retention.send().await.unwrap();
    let now = now_ms();
    let (ancient, old) = (now - AGE_MS_MAX - 60_000, now - 4 * DAY_MS);
    let ahead = now + AHEAD_MS_MAX + 60_000;
    rig.write(1, &[(ancient, "ancient"), (now, "kept")]);
    rig.write(2, &[(old, "old"), (old + 1, "old"), (now + 1, "kept")]);
    rig.write(3, &[(ahead, "ahead"), (ahead, "ahead"), (ahead, "ahead")]);
    rig.flush();
    let tally = rig.settled().await;
    assert_eq!(rig.stored(), ["kept", "kept"]);
    let counted = ["too_old", "expired", "too_new"].map(|reason| rig.rejected(reason));
    assert_eq!(counted, [1, 2, 3]);
    assert_eq!(tally.rejected, Count::new(6, 7 + 2 * 3 + 3 * 5));
    assert_eq!(tally.delivered, Count::new(2, 8));
}

#[tokio::test]
async fn an_entity_that_is_rejected_does_not_cost_the_events() {
    let error_type = "InvalidTypeValue".to_owned();
    let rig = send_three(Fault::RejectEntity { error_type }).await;
    assert_eq!(rig.stored(), ["a", "b", "c"]);
    let label = vec![("reason", "InvalidTypeValue".to_owned())];
    let entities = &rig.metrics.rejected_entities;
    assert_eq!(entities.get_or_create_owned(&label).get(), 1);
    assert_eq!(rig.fake.requests_for("PutLogEvents").len(), 1);
}

/// A request is refused as a whole where its entity breaks the service's model.
#[tokio::test]
async fn an_entity_that_breaks_the_request_is_left_out_of_it() {
    for code in ["InvalidParameterException", "ValidationException"] {
        let error = Fault::Error {
            code: code.into(),
            message: "1 validation error: value at 'entity.keyAttributes' has too few entries"
                .into(),
        };
        let mut rig = Rig::new(vec![on_puts(error).times(1)]).await;
        rig.entity = Some("{\"keyAttributes\":{}}".into());
        let now = now_ms();
        rig.write(1, &[(now, "a"), (now + 1, "b"), (now + 2, "c")]);
        rig.flush();
        rig.settled().await;
        assert_eq!(rig.stored(), ["a", "b", "c"]);
        let label = vec![("reason", code.to_owned())];
        let entities = &rig.metrics.rejected_entities;
        assert_eq!(entities.get_or_create_owned(&label).get(), 1);
        let puts = rig.fake.requests_for("PutLogEvents");
        assert_eq!(puts.len(), 2);
        assert_eq!(puts[1].entity, None);
    }
}

#[tokio::test]
async fn a_node_whose_clock_is_wrong_signs_by_the_services() {
    for minutes in [10, -10] {
        let mut rig = Rig::started(Options {
            clock_ahead_ms: minutes * 60_000,
            ..Options::default()
        });
        rig.write(1, &[(now_ms(), "a")]);
        rig.flush();
        rig.settled().await;
        assert_eq!(rig.stored(), ["a"]);
        assert_eq!(rig.results("InvalidSignatureException"), 1);
    }
}

#[tokio::test]
async fn a_clock_that_goes_wrong_while_the_agent_runs_is_noticed_once() {
    let mut rig = Rig::new(Vec::new()).await;
    for (minutes, refused) in [(0, 0), (10, 1), (10, 1), (-10, 2), (-10, 2)] {
        rig.fake.set_clock_ahead_ms(minutes * 60_000);
        rig.write(1, &[(now_ms(), "a")]);
        rig.flush();
        rig.settled().await;
        assert_eq!(rig.results("InvalidSignatureException"), refused);
    }
    assert_eq!(rig.stored().len(), 5);
}

#[tokio::test]
async fn after_an_answer_of_a_server_in_trouble_another_connection_is_taken() {
    for (status, connections) in [(503, 2), (400, 1)] {
        let body = StatusBody::Empty;
        let rig = send_three(Fault::Status { status, body }).await;
        let puts = rig.fake.requests_for("PutLogEvents");
        let mut used: Vec<u64> = puts.iter().map(|put| put.connection).collect();
        used.dedup();
        assert_eq!((puts.len(), used.len()), (2, connections), "{status}");
    }
}

#[tokio::test]
async fn a_token_that_expires_is_waited_out() {
    let mut rig = Rig::new(Vec::new()).await;
    let mut over = Credentials::new("AKIATEST", "secret");
    over.expired = true;
    rig.fake.set_credentials(vec![over]);
    rig.write(1, &[(now_ms(), "a")]);
    rig.flush();
    while rig.results("ExpiredTokenException") == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.fake
        .set_credentials(vec![Credentials::new("AKIATEST", "secret")]);
    rig.settled().await;
    assert_eq!(rig.stored(), ["a"]);
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_made_again() {
    let fake = FakeCloudWatch::start();
    sdk_with_stream(&fake).await;
    let config = config(&fake);
    let mut rig = Rig::with(fake, &config);
    let gone = Fault::Error {
        code: "ResourceNotFoundException".into(),
        message: "The specified log stream does not exist.".into(),
    };
    rig.fake.set_script(vec![on_puts(gone).times(2)]);
    rig.write_to(1, GROUP, STREAM, &[(now_ms(), "a")]);
    rig.flush();
    rig.settled().await;
    assert_eq!(rig.stored(), ["a"]);
}
