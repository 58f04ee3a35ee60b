//! WASI 0.2 with nothing behind it, for runtimes that cannot do without: Go, JavaScript, Python.
//!
//! Clocks and random numbers answer; environment, arguments, files and sockets are empty or denied;
//! what is printed goes to the agent's log under the filter's name. A `poll` answers at once or
//! traps, since a wait in the host would stop the lane where no deadline counts. Functions are
//! linked by hand, for each import that a component really has, so every 0.2.x version is served,
//! and no other package than those named here ever is.

mod answers;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use super::State;

/// Interfaces that are offered, without `wasi:` and version.
const INTERFACES: [&str; 27] = [
    "cli/environment",
    "cli/exit",
    "cli/stderr",
    "cli/stdin",
    "cli/stdout",
    "cli/terminal-input",
    "cli/terminal-output",
    "cli/terminal-stderr",
    "cli/terminal-stdin",
    "cli/terminal-stdout",
    "clocks/monotonic-clock",
    "clocks/wall-clock",
    "filesystem/preopens",
    "filesystem/types",
    "io/error",
    "io/poll",
    "io/streams",
    "random/insecure",
    "random/insecure-seed",
    "random/random",
    "sockets/instance-network",
    "sockets/ip-name-lookup",
    "sockets/network",
    "sockets/tcp",
    "sockets/tcp-create-socket",
    "sockets/udp",
    "sockets/udp-create-socket",
];

/// Handles that one instance may own: streams, pollables, the network that denies everything.
const HANDLES_MAX: u32 = 1024;

/// The name within WASI of an import that is offered.
#[must_use]
pub fn offered(import: &str) -> Option<&str> {
    let (interface, version) = import.strip_prefix("wasi:")?.split_once('@')?;
    (version.starts_with("0.2.") && INTERFACES.contains(&interface)).then_some(interface)
}

/// Links what a component imports of WASI.
///
/// # Errors
/// When a definition does not fit the linker.
pub fn link(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let ty = component.component_type();
    for (import, item) in ty.imports(&engine) {
        let (Some(interface), ComponentItem::ComponentInstance(instance)) =
            (offered(import), item.ty)
        else {
            continue;
        };
        let mut to = linker.instance(import)?;
        for (name, item) in instance.exports(&engine) {
            match item.ty {
                ComponentItem::Resource(_) => {
                    to.resource(name, resource(name), |mut store, _| {
                        let handles = &mut store.data_mut().wasi_handles;
                        *handles = handles.saturating_sub(1);
                        Ok(())
                    })?;
                }
                ComponentItem::ComponentFunc(_) => {
                    answers::link(&mut to, interface, name)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What a handle stands for, as the linker tells types apart. A handle's number is all there is
/// to it.
pub struct Error;
pub struct Pollable;
pub struct Input;
pub struct Output;
pub struct Terminal;
pub struct Descriptor;
pub struct Network;
pub struct Socket;
pub struct Other;

/// Resources are told apart by name: interfaces name each other's.
fn resource(name: &str) -> ResourceType {
    match name {
        "error" => ResourceType::host::<Error>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<Input>(),
        "output-stream" => ResourceType::host::<Output>(),
        "terminal-input" | "terminal-output" => ResourceType::host::<Terminal>(),
        "descriptor" => ResourceType::host::<Descriptor>(),
        "network" => ResourceType::host::<Network>(),
        "tcp-socket" | "udp-socket" => ResourceType::host::<Socket>(),
        _ => ResourceType::host::<Other>(),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("it called `{name}`, behind which there is nothing for a filter")]
    Nothing { name: String },
    #[error("it waits for something, which no filter may")]
    Wait,
    #[error("it ended itself by `wasi:cli/exit`")]
    Exit,
    #[error("it asked for {bytes} random bytes at once; {most} are allowed")]
    Random { bytes: u64, most: u64 },
    #[error("it holds more than {HANDLES_MAX} handles")]
    Handles,
}
