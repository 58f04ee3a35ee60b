//! What authors rely on when they test natively: the same rules as in the agent.
//! A kit that tests others is tested first.

use crate::patterns::{Found, PatternSet};
use crate::report::{self, Level};
use crate::testing::{Input, Run, run};
use crate::{Batch, Filter, Record, Stream, Unjudged, origin};

/// Holds whatever it may.
struct HoldAll;

impl Filter for HoldAll {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        if !batch.is_last() {
            batch.hold(batch.len());
        }
        Ok(())
    }
}

#[test]
fn what_is_held_comes_again_in_front_of_the_next_batch() {
    let seen = Run::new(HoldAll).batch(["a"]).batch(["b", "c"]).finish();
    assert_eq!(seen.records, ["a", "b", "c"]);
    assert_eq!(seen.calls, 3);
}

#[test]
fn more_than_the_agent_holds_makes_the_next_batch_the_last() {
    let many = || std::iter::repeat_n("x", 1_001);
    let seen = Run::new(HoldAll)
        .batch(many())
        .batch(["y"])
        .batch(["z"])
        .finish();
    // The second call may not hold; the third holds `z`, so there is a fourth.
    assert_eq!((seen.records.len(), seen.calls), (1_003, 4));
}

/// Finds what a test asks for, and keeps it.
struct Find<'a>(PatternSet, &'a mut Vec<Found>);

impl Filter for Find<'_> {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let found = self.0.find(batch);
        let mut records: Vec<_> = found.iter().map(|found| found.at).collect();
        records.dedup();
        assert_eq!(self.0.matches(batch), records);
        self.1.extend(found);
        Ok(())
    }
}

fn find(patterns: &[&str], texts: &[&[u8]]) -> Vec<(usize, usize, usize, usize)> {
    let mut found = Vec::new();
    run(
        Find(PatternSet::compile(patterns).unwrap(), &mut found),
        texts.iter().copied(),
    );
    found
        .into_iter()
        .map(|found| (found.at, found.pattern, found.range.start, found.range.end))
        .collect()
}

#[test]
fn matches_come_by_record_then_by_place_and_the_earlier_pattern_wins() {
    assert_eq!(
        find(&["ab", "a", "b+"], &[b"bab", b"", b"abb"]),
        [(0, 2, 0, 1), (0, 0, 1, 3), (2, 0, 0, 2), (2, 2, 2, 3),]
    );
}

#[test]
fn patterns_match_bytes_that_are_not_utf8() {
    assert_eq!(
        find(&["(?-u:\\xff)x"], &[b"\xffx", b"\xc3\xbfx"]),
        [(0, 0, 0, 2)]
    );
}

#[test]
fn a_pattern_that_does_not_parse_is_named() {
    let error = PatternSet::compile(["a", "[b"]).err().unwrap();
    assert!(error.starts_with("pattern 1 (`[b`): "), "{error}");
}

#[test]
fn patterns_that_compile_too_large_are_refused() {
    let error = PatternSet::compile([r"\w{2000}"]).err().unwrap();
    assert_eq!(
        error,
        "patterns are larger than 4194304 bytes when compiled"
    );
}

#[test]
#[should_panic(expected = "patterns match more than 1,000 times in record 0")]
fn more_matches_than_the_agent_gives_are_an_error() {
    find(&["a"], &["a".repeat(1_001).as_bytes()]);
}

/// Says what it sees of the world.
struct Tell;

impl Filter for Tell {
    fn record(&mut self, record: &mut Record<'_>) {
        report::count("records", 1);
        report::log(Level::Info, &record.text_lossy());
        record.add(origin::get("k8s.pod.name").unwrap_or_default());
        record.add(format!("{:?} {}", record.stream(), record.time()));
    }
}

#[test]
fn a_filter_is_asked_and_heard() {
    let input = Input::new("a").time(7).stream(Stream::Stderr);
    let seen = Run::new(Tell)
        .origin("k8s.pod.name", "api-0")
        .batch([input])
        .batch(["b"])
        .finish();
    assert_eq!(seen.records[..3], ["a", "api-0", "Stderr 7"]);
    assert_eq!(
        seen.log,
        [(Level::Info, "a".into()), (Level::Info, "b".into())]
    );
    assert_eq!(seen.counters["records"], 2);
    // The facts are those of the run, not of the thread.
    assert_eq!(origin::all(), []);
}

/// Cannot judge a record that says so.
struct Fussy;

impl Filter for Fussy {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        for at in 0..batch.len() {
            let number: u32 = std::str::from_utf8(batch.text(at))?.parse()?;
            batch.record(at).replace((number + 1).to_string());
        }
        Ok(())
    }
}

#[test]
fn a_filter_says_that_it_cannot_judge_a_batch() {
    assert_eq!(run(Fussy, ["1", "2"]), ["2", "3"]);
    let error = Run::new(Fussy).batch(["1", "x"]).try_finish().unwrap_err();
    assert_eq!(error, "invalid digit found in string");
}

#[test]
fn a_record_that_came_out_shows_what_is_not_usual() {
    let seen = Run::new(Tell)
        .batch([Input::new("\u{fc}").stream(Stream::Stderr)])
        .finish();
    assert_eq!(format!("{:?}", seen.records[0]), r#""\xc3\xbc" (stderr)"#);
}
