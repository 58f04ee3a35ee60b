//! Turns a file into compiled code, or says what is wrong with it.
//!
//! A module is a component, or a core module that is made one here, as `logsieve filter build` does, so
//! that what a compiler leaves can be mounted as it is. Whatever a filter may not import is refused by
//! name, before anything runs.

pub mod component;
pub mod find;
pub mod packed;
pub mod parts;
pub mod sections;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, Linker};

use super::bindings::{LogFilter, LogFilterPre};
use super::engine::Engine;
use super::imports::{State, wasi};
use super::parts::Parts;
use crate::record::hex;

/// What every interface of the contract begins with.
const PACKAGE: &str = "logsieve:filter/";
/// The versions of the contract that this agent runs: `0.1` and what grows from it.
const VERSION: &str = "0.1.";
/// What a filter has to export.
const EXPORT: &str = "logsieve:filter/filter@";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{path}` cannot be read")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{name}` {}", nowhere(.looked))]
    Missing { name: PathBuf, looked: Vec<PathBuf> },
    #[error("`{path}`, beside the module, has {bytes} bytes, and may have {most}")]
    Beside {
        path: PathBuf,
        bytes: u64,
        most: u64,
    },
    #[error("`{path}` cannot be unpacked")]
    Unpack {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}`")]
    Parts { path: PathBuf, source: parts::Error },
    #[error("`{path}` has the SHA-256 {found}, and the configuration wants {pinned}")]
    Pin {
        path: PathBuf,
        found: String,
        pinned: String,
    },
    #[error("`{path}` is not WebAssembly: it starts with {start}")]
    NotWasm { path: PathBuf, start: String },
    #[error("`{path}` is cut off: at least {missing} bytes are missing at its end")]
    Torn { path: PathBuf, missing: usize },
    #[error("`{path}` cannot be made a component: {cause}")]
    Wrap { path: PathBuf, cause: String },
    #[error("`{path}` does not compile: {cause}")]
    Compile { path: PathBuf, cause: String },
    #[error("{words}")]
    Child { words: String },
    #[error(
        "`{path}` cannot be compiled: the compiler, in a process of its own, ended with {status}"
    )]
    Killed { path: PathBuf, status: String },
    #[error("`{path}`: its code cannot be kept in the state folder")]
    Keep {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("`{path}` imports `{import}`, which no filter may use")]
    Import { path: PathBuf, import: String },
    #[error("`{path}` is built for `{found}`, and this agent runs logsieve:filter 0.1")]
    Version { path: PathBuf, found: String },
    #[error("`{path}` is a component, but no filter: it does not export `logsieve:filter/filter`")]
    NoFilter { path: PathBuf },
    #[error("`{path}` does not fit the contract: {cause}")]
    Link { path: PathBuf, cause: String },
}

impl Error {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Wrap { .. } => {
                "build the filter with an SDK from `guest-sdk/`: it exports what the contract wants"
            }
            Self::Torn { .. } => "copy it again; whoever writes it may not be done yet",
            Self::Version { .. } => {
                "build the filter again with the kit of this agent's version: `logsieve filter new` writes it"
            }
            Self::NoFilter { .. } => {
                "build the filter with a kit from `guest-sdk/`: it exports what the contract wants"
            }
            Self::Import { .. } => {
                "filters get records, settings, container facts and patterns; there is no network, file or environment"
            }
            Self::NotWasm { .. } => {
                "name the compiled module: `target/wasm32-unknown-unknown/release/NAME.wasm`"
            }
            Self::Missing { .. } => "put the module there, or set `filters.directories`",
            _ => return None,
        })
    }
}

fn nowhere(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "does not exist".into();
    }
    let names = looked.iter().map(|d| format!("`{}`", d.display()));
    let names: Vec<_> = names.collect();
    format!("is in none of the module directories: {}", names.join(", "))
}

/// A compiled module, ready to be instantiated.
#[derive(Clone)]
pub struct Module {
    pub path: PathBuf,
    /// SHA-256 of the module, unpacked, in hex: what names it wherever it is in charge.
    pub hash: String,
    /// Bytes of the module, unpacked.
    pub size: usize,
    pub pre: LogFilterPre<State>,
    /// What its instances are linked of, once there was one.
    pub parts: Arc<OnceLock<Parts>>,
}

/// What a module is called: its file's name without what says how it is packed.
#[must_use]
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let end = name.find(".wasm").unwrap_or(name.len());
    name[..end].to_owned()
}

/// SHA-256 in hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Reads, wraps, checks and compiles the module in a file, packed or in parts.
///
/// # Errors
/// When any of that fails; the message names the file and the cause.
pub fn load(engine: &Engine, path: &Path) -> Result<Module, Error> {
    // As the shell has it: relative to the working directory.
    let found = find::read(&std::path::absolute(path).unwrap_or(path.into()), &[], None)?;
    from_bytes(engine, path, &found.bytes)
}

/// The same, from a module's bytes; `path` only names it.
///
/// # Errors
/// When the bytes are no filter that this agent runs.
pub fn from_bytes(engine: &Engine, path: &Path, bytes: &[u8]) -> Result<Module, Error> {
    let wrapped = wrap(engine.wasm(), path, bytes)?;
    let component = Component::new(engine.wasm(), &wrapped).map_err(|e| Error::Compile {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })?;
    link(engine, path, &sha256_hex(bytes), bytes.len(), &component)
}

/// Compiled code, to be kept; whether it is a filter is seen when it is linked.
///
/// # Errors
/// When the bytes are no module.
pub fn precompile(engine: &wasmtime::Engine, path: &Path, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let wrapped = wrap(engine, path, bytes)?;
    let code = engine.precompile_component(&wrapped);
    code.map_err(|e| Error::Compile {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })
}

/// A filter of compiled code, given what it asks for.
///
/// # Errors
/// When it is no filter, or asks for what no filter gets.
pub fn link(
    engine: &Engine,
    path: &Path,
    hash: &str,
    size: usize,
    component: &Component,
) -> Result<Module, Error> {
    check(engine, path, component)?;
    let linked = || -> wasmtime::Result<LogFilterPre<State>> {
        let mut linker = Linker::new(engine.wasm());
        LogFilter::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |s| s)?;
        wasi::link(&mut linker, component)?;
        LogFilterPre::new(linker.instantiate_pre(component)?)
    };
    let pre = linked().map_err(|e| Error::Link {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })?;
    Ok(Module {
        path: path.to_owned(),
        hash: hash.to_owned(),
        size,
        pre,
        parts: Arc::default(),
    })
}

/// A component as it is; a core module made one.
fn wrap<'a>(
    engine: &wasmtime::Engine,
    path: &Path,
    bytes: &'a [u8],
) -> Result<std::borrow::Cow<'a, [u8]>, Error> {
    component::wrap(engine, bytes).map_err(|error| unwrappable(path, bytes, &error))
}

/// Names the import that stood in the way, where that is the reason.
fn unwrappable(path: &Path, bytes: &[u8], error: &component::Error) -> Error {
    let path = path.to_owned();
    let cause = error.to_string();
    let import = match error {
        component::Error::NotWasm => {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]);
            let start = format!("{start:?}");
            return Error::NotWasm { path, start };
        }
        component::Error::Torn(missing) => {
            let missing = *missing;
            return Error::Torn { path, missing };
        }
        component::Error::Damaged(_) => return Error::Compile { path, cause },
        component::Error::Imports { module, .. } => Some(module.as_str()),
        _ => cause
            .split_once("module requires an import interface named `")
            .and_then(|(_, rest)| rest.split_once('`'))
            .map(|(import, _)| import),
    };
    match import {
        Some(import) => Error::Import {
            path,
            import: import.to_owned(),
        },
        None => Error::Wrap { path, cause },
    }
}

fn check(engine: &Engine, path: &Path, component: &Component) -> Result<(), Error> {
    let ty = component.component_type();
    let imports = ty.imports(engine.wasm()).map(|(name, _)| name);
    let exports = ty.exports(engine.wasm()).map(|(name, _)| name);
    check_names(path, imports, exports)
}

/// The same for a component that is not compiled, as far as names tell.
///
/// # Errors
/// When it is no filter, one for another version, or asks for what no filter gets.
pub fn check_uncompiled(path: &Path, component: &[u8]) -> Result<(), Error> {
    let decoded = wit_component::decode(component).map_err(|e| Error::Link {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })?;
    let wit_component::DecodedWasm::Component(resolve, world) = &decoded else {
        return Err(Error::NoFilter {
            path: path.to_owned(),
        });
    };
    let world = &resolve.worlds[*world];
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, wit_parser::WorldItem>| {
        let names = items.keys().map(|key| resolve.name_world_key(key));
        names.collect::<Vec<_>>()
    };
    let (imports, exports) = (names(&world.imports), names(&world.exports));
    let [imports, exports] = [&imports, &exports].map(|names| names.iter().map(String::as_str));
    check_names(path, imports, exports)
}

/// Imports and exports against the contract.
fn check_names<'a>(
    path: &Path,
    imports: impl Iterator<Item = &'a str>,
    mut exports: impl Iterator<Item = &'a str>,
) -> Result<(), Error> {
    let path = || path.to_owned();
    for import in imports {
        match import.strip_prefix(PACKAGE).and_then(|i| i.split_once('@')) {
            Some((_, version)) if version.starts_with(VERSION) => {}
            Some((_, version)) => {
                return Err(Error::Version {
                    path: path(),
                    found: format!("logsieve:filter@{version}"),
                });
            }
            None if wasi::offered(import).is_some() => {}
            None => {
                return Err(Error::Import {
                    path: path(),
                    import: import.to_owned(),
                });
            }
        }
    }
    match exports.find_map(|name| name.strip_prefix(EXPORT)) {
        Some(version) if version.starts_with(VERSION) => Ok(()),
        Some(version) => Err(Error::Version {
            path: path(),
            found: format!("logsieve:filter@{version}"),
        }),
        None => Err(Error::NoFilter { path: path() }),
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
