//! Any cut of any input into reads gives the same records: a whole lane reads the same file, in reads as
//! long as they can be and in reads of any length, and what comes out is compared.

use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use logsieve::clock::Now;
use logsieve::record::receipt::Part;
use support::kubelet::{Stream, cri};

use crate::agent::Agent;
use crate::disk::Disk;
use crate::kubelet::{LINKS, PODS};
use crate::service::{Body, Event};

/// Lines of every kind, some longer than any read.
fn input(rng: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..rng.usize(1..120) {
        let nanos = 1_795_464_000_000_000_000 + number as u64 * 1_000_000;
        let stream = [Stream::Stdout, Stream::Stderr][rng.usize(..2)];
        let tag = [cri::Tag::Full, cri::Tag::Partial][usize::from(rng.u8(..) < 60)];
        let len = match rng.u8(..) {
            0..4 => rng.usize(250_000..700_000),
            4..20 => rng.usize(4_000..40_000),
            _ => rng.usize(..200),
        };
        let text: Vec<u8> = (0..len)
            .map(|at| b"ab \r\0\xff{\""[(at * 7 + number) % 8])
            .collect();
        match rng.u8(..8) {
            0 => {
                let log = "d\\n".repeat(len.min(1000));
                let time = cri::time(nanos);
                out.extend_from_slice(
                    format!(
                        "{{\"log\":\"{log}\\n\",\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n"
                    )
                    .as_bytes(),
                );
            }
            1 => out.extend_from_slice(&[&text[..], b"\n"].concat()),
            2 => out.extend_from_slice(b"\n"),
            _ => cri::line(&mut out, nanos, stream, tag, &text),
        }
    }
    out
}

/// What a lane makes of a file, in the order in which it is sent.
fn records(input: &[u8], short: Option<Rng>) -> Vec<Event> {
    let disk = Disk::new(short.clone().unwrap_or_default());
    disk.make_folder(Path::new(LINKS));
    let folder = Path::new(PODS).join("plain_pod-1_uid-1/app");
    disk.make_folder(&folder);
    let node = disk.create(&folder.join("0.log"));
    disk.append(node, input);
    disk.weather(short.is_some(), false);
    let mut events = Vec::new();
    let at = |millis| Now {
        mono: Duration::from_millis(millis),
        wall: 1_795_464_000_000_000_000,
    };
    let mut agent = Agent::start(&disk, None, at(0)).expect("a first start");
    // Long enough for pieces whose last never comes.
    for step in 1..2000 {
        let put = &mut |request: logsieve::sink::cloudwatch::body::Request| {
            let body: Body = serde_json::from_slice(&request.body.json()).expect("JSON");
            events.extend(body.events);
            drop(request.departure);
            request.parts.into_iter().for_each(Part::settle);
        };
        agent.tick(at(step * 10), put);
    }
    events
}

#[test]
fn any_cut_of_any_input_into_reads_gives_the_same_records() {
    for seed in 0..6 {
        let mut rng = Rng::with_seed(seed);
        let input = input(&mut rng);
        let whole = records(&input, None);
        let cut = records(&input, Some(rng.fork()));
        let differ = whole.iter().zip(&cut).position(|(a, b)| a != b);
        let show = |events: &[Event], at: usize| {
            let text = &events[at].message;
            format!(
                "{} bytes, {:?}",
                text.len(),
                text.chars().rev().take(60).collect::<String>()
            )
        };
        let differ = differ.map(|at| (at, show(&whole, at), show(&cut, at)));
        assert_eq!(differ, None, "seed {seed}: another record");
        assert_eq!(whole.len(), cut.len(), "seed {seed}: more or fewer records");
    }
}
