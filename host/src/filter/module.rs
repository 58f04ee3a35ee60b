//! Turns a file into compiled code, or says what is wrong with it.
//!
//! A module is a component, or a plain core module that carries its WIT and is wrapped here, so that
//! what a compiler leaves can be mounted as it is. Whatever a filter may not import is refused by
//! name, before anything runs.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI1_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as WASI1,
};
use wasmtime::component::{Component, Linker};

use super::bindings::{LogFilter, LogFilterPre};
use super::engine::Engine;
use super::imports::{State, wasi};

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
    #[error("`{name}` is in none of the module directories: {}", directories(.looked))]
    Missing { name: PathBuf, looked: Vec<PathBuf> },
    #[error("`{path}` is not WebAssembly: it starts with {start}")]
    NotWasm { path: PathBuf, start: String },
    #[error("`{path}` cannot be made a component: {cause}")]
    Wrap { path: PathBuf, cause: String },
    #[error("`{path}` does not compile: {cause}")]
    Compile { path: PathBuf, cause: String },
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
                "build the filter with an SDK from `guest-sdk/`: it puts the contract into the module"
            }
            Self::Version { .. } => "build the filter again with the SDK of this agent's version",
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

fn directories(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "there are none".into();
    }
    let names: Vec<_> = looked
        .iter()
        .map(|d| format!("`{}`", d.display()))
        .collect();
    names.join(", ")
}

/// A compiled module, ready to be instantiated.
#[derive(Clone)]
pub struct Module {
    pub path: PathBuf,
    /// SHA-256 of the file's bytes, in hex: what names the module wherever it is in charge.
    pub hash: String,
    /// Bytes of the file.
    pub size: usize,
    pub pre: LogFilterPre<State>,
}

/// Finds a module: as it is named if that is absolute, else in the first directory that has it.
///
/// # Errors
/// When it is nowhere.
pub fn find(name: &Path, directories: &[PathBuf]) -> Result<PathBuf, Error> {
    if name.is_absolute() {
        return Ok(name.to_owned());
    }
    let found = directories
        .iter()
        .map(|d| d.join(name))
        .find(|p| p.is_file());
    found.ok_or_else(|| Error::Missing {
        name: name.to_owned(),
        looked: directories.to_owned(),
    })
}

/// Reads, wraps, checks and compiles a module.
///
/// # Errors
/// When any of that fails; the message names the file and the cause.
pub fn load(engine: &Engine, path: &Path) -> Result<Module, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    from_bytes(engine, path, &bytes)
}

/// The same, from a module's bytes; `path` only names it.
///
/// # Errors
/// When the bytes are no filter that this agent runs.
pub fn from_bytes(engine: &Engine, path: &Path, bytes: &[u8]) -> Result<Module, Error> {
    let hash: String = Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let wrapped = wrap(path, bytes)?;
    let component = Component::new(engine.wasm(), &wrapped).map_err(|e| Error::Compile {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })?;
    check(engine, path, &component)?;
    let linked = || -> wasmtime::Result<LogFilterPre<State>> {
        let mut linker = Linker::new(engine.wasm());
        LogFilter::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |s| s)?;
        wasi::link(&mut linker, &component)?;
        LogFilterPre::new(linker.instantiate_pre(&component)?)
    };
    let pre = linked().map_err(|e| Error::Link {
        path: path.to_owned(),
        cause: format!("{e:#}"),
    })?;
    Ok(Module {
        path: path.to_owned(),
        hash,
        size: bytes.len(),
        pre,
    })
}

/// A component as it is; a core module made one.
fn wrap<'a>(path: &Path, bytes: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, Error> {
    match bytes {
        // "\0asm", then version and layer: 1.0 is a core module, 13.1 a component.
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(bytes.into()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            let mut wrapped = encode(bytes, false);
            // What C's `printf` imports; only for who needs it, since its own contract goes along.
            if wrapped
                .as_ref()
                .is_err_and(|e| format!("{e:#}").contains(WASI1_NAME))
            {
                wrapped = encode(bytes, true);
            }
            match wrapped {
                Ok(component) => Ok(component.into()),
                Err(error) => Err(unwrappable(path, &format!("{error:#}"))),
            }
        }
        _ => Err(Error::NotWasm {
            path: path.to_owned(),
            start: format!(
                "{:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(12)])
            ),
        }),
    }
}

fn encode(module: &[u8], with_wasi1: bool) -> anyhow::Result<Vec<u8>> {
    let mut encoder = wit_component::ComponentEncoder::default();
    encoder.module(module)?;
    if with_wasi1 {
        encoder.adapter(WASI1_NAME, WASI1)?;
    }
    encoder.validate(true).encode()
}

/// Names the import that stood in the way, where that is the reason.
fn unwrappable(path: &Path, cause: &str) -> Error {
    let path = path.to_owned();
    let import = cause
        .split_once("module requires an import interface named `")
        .and_then(|(_, rest)| rest.split_once('`'));
    match import {
        Some((import, _)) => Error::Import {
            path,
            import: import.to_owned(),
        },
        None => Error::Wrap {
            path,
            cause: cause.to_owned(),
        },
    }
}

/// Imports and exports against the contract, by name.
fn check(engine: &Engine, path: &Path, component: &Component) -> Result<(), Error> {
    let path = || path.to_owned();
    let ty = component.component_type();
    for (import, _) in ty.imports(engine.wasm()) {
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
    let mut exports = ty.exports(engine.wasm());
    let version = exports.find_map(|(name, _)| name.strip_prefix(EXPORT));
    match version {
        Some(version) if version.starts_with(VERSION) => Ok(()),
        Some(version) => Err(Error::Version {
            path: path(),
            found: format!("logsieve:filter@{version}"),
        }),
        None => Err(Error::NoFilter { path: path() }),
    }
}

#[cfg(test)]
mod tests;
