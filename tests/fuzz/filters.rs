//! What has to hold for whatever a filter's author or a filter hands over: bytes that are said to be a module,
//! and edits of a batch.

use std::path::Path;
use std::sync::LazyLock;

use logsieve::clock::Clock;
use logsieve::filter::bindings::exports::logsieve::filter::filter::Outcome;
use logsieve::filter::bindings::logsieve::filter::records::{Change, Edit, Splice};
use logsieve::filter::edits::{Rules, apply};
use logsieve::filter::engine::Engine;
use logsieve::filter::module;
use logsieve::record::{Columns, Stream};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Clock::start()).expect("an engine"));

/// A module is loaded, or refused in words that begin with its file.
pub fn module(data: &[u8]) {
    if let Err(error) = module::from_bytes(&ENGINE, Path::new("f.wasm"), data) {
        assert!(error.to_string().starts_with("`f.wasm` "), "{error}");
    }
}

/// Edits are applied whole or refused: as many records come out as there were, less those dropped, more those
/// added, and one that no edit names is as it was.
pub fn edits(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = move |most: u8| bytes.next().unwrap_or(0) % (most + 1);
    let mut input = Columns::default();
    let records = next(5);
    for number in 0..records {
        let text = vec![b'a' + number; usize::from(next(8))];
        let end = (u32::from(number) + 1) * 10;
        input.push(&text, 100 + u64::from(number), Stream::Stdout, end);
    }
    let edits = (0..next(11)).map(|_| Edit {
        at: u32::from(next(6)),
        change: change(&mut next),
    });
    let edits: Vec<Edit> = edits.collect();
    let outcome = Outcome {
        hold: u32::from(next(3)),
        edits,
    };
    let routes = [("a".to_owned(), 0), ("b".to_owned(), 1)];
    let rules = Rules {
        output_bytes_max: 60,
        edits_max: 9,
        last: next(1) == 1,
        more: true,
        routes: &routes,
        times: 5..=10,
    };
    let Ok(applied) = apply(&input, &outcome, &rules) else {
        return;
    };
    let whole = input.len() - outcome.hold as usize;
    assert_eq!(applied.hold, outcome.hold as usize);
    let Some(out) = applied.columns else {
        assert_eq!((applied.dropped, applied.added), (0, 0));
        return;
    };
    assert_eq!(
        out.len() as u64 + applied.dropped,
        whole as u64 + applied.added
    );
    let lengths: usize = (0..out.len()).map(|at| out.record(at).len()).sum();
    assert_eq!(lengths, out.text.len());
    assert!(lengths <= rules.output_bytes_max);
    let named = |at: usize| outcome.edits.iter().any(|edit| edit.at as usize == at);
    for at in (0..whole).filter(|at| !named(*at)) {
        let is_there = (0..out.len()).any(|to| out.record(to) == input.record(at));
        assert!(is_there, "record {at} is gone");
    }
}

fn change(next: &mut impl FnMut(u8) -> u8) -> Change {
    match next(7) {
        0 => Change::Drop,
        1 => Change::Replace(vec![b'r'; usize::from(next(9))]),
        2 => Change::Add(vec![b'n'; usize::from(next(9))]),
        3 => Change::SetTime(u64::from(next(12))),
        4 => Change::Route(["a", "b", "c"][usize::from(next(2))].to_owned()),
        _ => Change::Splice(Splice {
            start: u32::from(next(9)),
            end: u32::from(next(9)),
            text: vec![b's'; usize::from(next(4))],
        }),
    }
}
