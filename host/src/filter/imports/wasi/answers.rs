//! What each function of WASI answers a filter. One that is not named here traps when it is called:
//! it works on a file, a socket or a terminal, and a filter is never given one.

use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource, Val,
};
use wasmtime::{Result, StoreContextMut};

use super::{Descriptor, Error, HANDLES_MAX, Input, Network, Output, Pollable, Refused, Terminal};
use crate::filter::imports::State;
use crate::filter::imports::report::Printed;

type To<'a> = LinkerInstance<'a, State>;

/// Bytes that may be written to a stream at once.
const WRITE_BYTES_MAX: u64 = 64 * 1024;
/// Random bytes that may be asked for at once.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// Handles of the two streams that there are.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
/// The pollable that is always ready. Any other number is the time at which it is ready, milliseconds since
/// the agent started.
const READY: u32 = 0;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(
        dead_code,
        reason = "a case of the contract that nothing here runs into"
    )]
    Failed(Resource<Error>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

type Streamed<T> = std::result::Result<T, StreamError>;

/// Links one function.
pub fn link(to: &mut To<'_>, interface: &str, name: &str) -> Result<()> {
    match interface {
        "io/error" => error(to, name),
        "io/poll" => poll(to, name),
        "io/streams" if name.starts_with("[method]input-stream.") => input(to, name),
        "io/streams" => output(to, name),
        "clocks/monotonic-clock" | "clocks/wall-clock" => clock(to, interface, name),
        "random/random" | "random/insecure" | "random/insecure-seed" => random(to, name),
        _ if interface.starts_with("cli/") => cli(to, interface, name),
        _ => denied(to, interface, name),
    }
}

/// A function whose answer needs nothing but the instance's state.
fn answer<P, R>(
    to: &mut To<'_>,
    name: &str,
    answer: impl Fn(&mut State, P) -> Result<R> + Send + Sync + 'static,
) -> Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    (R,): ComponentNamedList + Lower + 'static,
{
    to.func_wrap(
        name,
        move |mut store: StoreContextMut<'_, State>, given: P| {
            Ok((answer(store.data_mut(), given)?,))
        },
    )
}

fn traps(to: &mut To<'_>, interface: &str, name: &str) -> Result<()> {
    let name_of = format!("wasi:{interface}#{name}");
    to.func_new(name, move |_, _, _, _| {
        let name = name_of.clone();
        Err(Refused::Nothing { name }.into())
    })
}

/// A new handle, if the instance may own one more.
fn own<T>(state: &mut State, number: u32) -> Result<Resource<T>> {
    if state.wasi_handles >= HANDLES_MAX {
        return Err(Refused::Handles.into());
    }
    state.wasi_handles += 1;
    Ok(Resource::new_own(number))
}

fn error(to: &mut To<'_>, name: &str) -> Result<()> {
    answer(to, name, |_, (_,): (Resource<Error>,)| {
        Ok("there is nothing behind this stream".to_owned())
    })
}

/// Milliseconds that the agent has run: what pollables of timers count in.
fn millis(state: &State) -> u64 {
    let since_start = state.deadline.clock().now().mono;
    u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX)
}

fn is_ready(state: &State, pollable: &Resource<Pollable>) -> bool {
    u64::from(pollable.rep()) <= millis(state)
}

fn poll(to: &mut To<'_>, name: &str) -> Result<()> {
    match name {
        "[method]pollable.ready" => answer(to, name, |state, (p,): (Resource<Pollable>,)| {
            Ok(is_ready(state, &p))
        }),
        "[method]pollable.block" => to.func_wrap(
            name,
            |store: StoreContextMut<'_, State>, (p,): (Resource<Pollable>,)| {
                if is_ready(store.data(), &p) {
                    return Ok(());
                }
                Err(Refused::Wait.into())
            },
        ),
        "poll" => answer(to, name, |state, (all,): (Vec<Resource<Pollable>>,)| {
            let ready = (0_u32..).zip(&all).filter(|(_, p)| is_ready(state, p));
            let ready: Vec<u32> = ready.map(|(at, _)| at).collect();
            if ready.is_empty() {
                return Err(Refused::Wait.into());
            }
            Ok(ready)
        }),
        _ => traps(to, "io/poll", name),
    }
}

fn input(to: &mut To<'_>, name: &str) -> Result<()> {
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            answer(to, name, |_, _: (Resource<Input>, u64)| {
                Ok(Streamed::<Vec<u8>>::Err(StreamError::Closed))
            })
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            answer(to, name, |_, _: (Resource<Input>, u64)| {
                Ok(Streamed::<u64>::Err(StreamError::Closed))
            })
        }
        "[method]input-stream.subscribe" => answer(to, name, |state, _: (Resource<Input>,)| {
            own::<Pollable>(state, READY)
        }),
        _ => traps(to, "io/streams", name),
    }
}

fn output(to: &mut To<'_>, name: &str) -> Result<()> {
    let done = || Ok(Streamed::Ok(()));
    match name.trim_start_matches("[method]output-stream.") {
        "check-write" => answer(to, name, |_, _: (Resource<Output>,)| {
            Ok(Streamed::Ok(WRITE_BYTES_MAX))
        }),
        "write" | "blocking-write-and-flush" => answer(
            to,
            name,
            move |state, given: (Resource<Output>, Vec<u8>)| {
                let (stream, bytes) = given;
                let by = match stream.rep() {
                    STDERR => Printed::Stderr,
                    _ => Printed::Stdout,
                };
                state.report.print(by, &bytes);
                done()
            },
        ),
        "flush" | "blocking-flush" => answer(to, name, move |_, _: (Resource<Output>,)| done()),
        "write-zeroes" | "blocking-write-zeroes-and-flush" => {
            answer(to, name, move |_, _: (Resource<Output>, u64)| done())
        }
        "subscribe" => answer(to, name, |state, _: (Resource<Output>,)| {
            own::<Pollable>(state, READY)
        }),
        "splice" | "blocking-splice" => {
            type Given = (Resource<Output>, Resource<Input>, u64);
            answer(to, name, |_, _: Given| {
                Ok(Streamed::<u64>::Err(StreamError::Closed))
            })
        }
        _ => traps(to, "io/streams", name),
    }
}

fn clock(to: &mut To<'_>, interface: &str, name: &str) -> Result<()> {
    let nanos = |state: &State| {
        let since_start = state.deadline.clock().now().mono;
        u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX)
    };
    let timer = |state: &mut State, at_millis: u64| {
        own::<Pollable>(state, u32::try_from(at_millis).unwrap_or(u32::MAX))
    };
    const NANOS_PER_MILLI: u64 = 1_000_000;
    let date = |nanos: u64| Datetime {
        seconds: nanos / 1_000_000_000,
        nanoseconds: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
    };
    match (interface, name) {
        ("clocks/monotonic-clock", "now") => {
            answer(to, name, move |state, (): ()| Ok(nanos(state)))
        }
        ("clocks/monotonic-clock", "resolution") => answer(to, name, |_, (): ()| Ok(1_u64)),
        ("clocks/monotonic-clock", "subscribe-instant") => {
            answer(to, name, move |state, (at,): (u64,)| {
                timer(state, at.div_ceil(NANOS_PER_MILLI))
            })
        }
        ("clocks/monotonic-clock", "subscribe-duration") => {
            answer(to, name, move |state, (wait,): (u64,)| {
                let at = nanos(state).saturating_add(wait);
                timer(
                    state,
                    if wait == 0 {
                        0
                    } else {
                        at.div_ceil(NANOS_PER_MILLI)
                    },
                )
            })
        }
        (_, "now") => answer(to, name, move |state, (): ()| {
            Ok(date(state.deadline.clock().now().wall))
        }),
        (_, "resolution") => answer(to, name, move |_, (): ()| Ok(date(1))),
        _ => traps(to, interface, name),
    }
}

fn random(to: &mut To<'_>, name: &str) -> Result<()> {
    fn bytes(len: u64) -> Result<Vec<u8>> {
        let within = usize::try_from(len)
            .ok()
            .filter(|_| len <= RANDOM_BYTES_MAX);
        let len = within.ok_or(Refused::Random {
            bytes: len,
            most: RANDOM_BYTES_MAX,
        })?;
        let mut bytes = vec![0; len];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }
    let number = || Ok(getrandom::u64()?);
    match name {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            answer(to, name, |_, (len,): (u64,)| bytes(len))
        }
        "get-random-u64" | "get-insecure-random-u64" => answer(to, name, move |_, (): ()| number()),
        "insecure-seed" => answer(to, name, move |_, (): ()| Ok((number()?, number()?))),
        _ => traps(to, "random/random", name),
    }
}

fn cli(to: &mut To<'_>, interface: &str, name: &str) -> Result<()> {
    match name {
        "get-environment" => answer(to, name, |_, (): ()| Ok(Vec::<(String, String)>::new())),
        "get-arguments" => answer(to, name, |_, (): ()| Ok(Vec::<String>::new())),
        "initial-cwd" => answer(to, name, |_, (): ()| Ok(None::<String>)),
        "get-stdin" => answer(to, name, |state, (): ()| own::<Input>(state, 0)),
        "get-stdout" => answer(to, name, |state, (): ()| own::<Output>(state, STDOUT)),
        "get-stderr" => answer(to, name, |state, (): ()| own::<Output>(state, STDERR)),
        "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr" => {
            answer(to, name, |_, (): ()| Ok(None::<Resource<Terminal>>))
        }
        "exit" | "exit-with-code" => to.func_new(name, |_, _, _, _| Err(Refused::Exit.into())),
        _ => traps(to, interface, name),
    }
}

/// Files and sockets: there are none, and none can be made.
fn denied(to: &mut To<'_>, interface: &str, name: &str) -> Result<()> {
    match name {
        "get-directories" => answer(to, name, |_, (): ()| {
            Ok(Vec::<(Resource<Descriptor>, String)>::new())
        }),
        "filesystem-error-code" => to.func_new(name, |store, _, given, results| {
            results[0] = Val::Option(None);
            give_back(store, given)
        }),
        "instance-network" => answer(to, name, |state, (): ()| own::<Network>(state, 0)),
        "create-tcp-socket" | "create-udp-socket" | "resolve-addresses" => {
            to.func_new(name, |store, _, given, results| {
                let denied = Val::Enum("access-denied".into());
                results[0] = Val::Result(Err(Some(Box::new(denied))));
                give_back(store, given)
            })
        }
        _ => traps(to, interface, name),
    }
}

/// Ends the loan of handles that a function was given.
fn give_back(mut store: StoreContextMut<'_, State>, given: &[Val]) -> Result<()> {
    for value in given {
        if let Val::Resource(handle) = value {
            handle.resource_drop(&mut store)?;
        }
    }
    Ok(())
}
