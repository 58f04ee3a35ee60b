//! Makes a filter's component of what a compiler left: puts the contract in where it is missing, and gives
//! programs for WASI preview 1 an adapter with nothing behind it.
//!
//! The agent's loader and `logsieve filter build` both come here, so that a module which runs as a
//! compiler left it runs alike when it was built. What only debuggers read is left out by `finish` alone.

use std::borrow::Cow;
use std::cell::Cell;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::sections::{self, Kind};

/// The contract, as this version of the agent has it.
pub const CONTRACT: &str = include_str!("../../../../wit/filter.wit");
/// `preview1.wat`, compiled; a test compares them.
const ADAPTER: &[u8] = include_bytes!("preview1.wasm");
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// What the adapter itself asks for.
const ADAPTER_WORLD: &str =
    "package logsieve:adapter; world adapter { import logsieve:filter/report@0.1.0; }";
/// A custom section that is kept: it describes settings, as JSON Schema.
pub const SETTINGS_SCHEMA: &str = "logsieve:settings-schema";
/// How many undefined names are told.
const NAMES_SHOWN: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it is not WebAssembly")]
    NotWasm,
    #[error("it is cut off: at least {0} bytes are missing at its end")]
    Torn(usize),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it needs what no filter has: {}{}", .names.join(", "), more(*.count))]
    Imports {
        /// What the first of them is imported from.
        module: String,
        names: Vec<String>,
        count: usize,
    },
    #[error("the contract in it is broken: {0:#}")]
    Contract(anyhow::Error),
    #[error("{0:#}")]
    Encode(anyhow::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Torn(_) => "copy or compile it again; whoever writes it may not be done yet",
            Self::Damaged(_) => "copy or compile it again",
            Self::NotWasm => {
                "name the compiled module: `target/wasm32-unknown-unknown/release/NAME.wasm`"
            }
            Self::Imports { .. } => {
                "filters get records, settings, container facts and patterns; there is no network, file or environment"
            }
            Self::Contract(_) | Self::Encode(_) => {
                "build the filter with an SDK from `guest-sdk/`: it exports what the contract wants"
            }
        }
    }
}

fn more(count: usize) -> String {
    match count.saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(", and {more} more"),
    }
}

/// A component without anything that only debuggers read.
///
/// # Errors
/// When the bytes are no module, or one that does not fit the contract.
pub fn finish(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let component = wrap(engine, bytes)?;
    let mut finished = sections::strip(&component, &|name| name == SETTINGS_SCHEMA);
    // The encoder leaves the core module's own sections behind.
    if let Some(schema) = custom(bytes, SETTINGS_SCHEMA)
        && custom(&finished, SETTINGS_SCHEMA).is_none()
    {
        sections::add_custom(&mut finished, SETTINGS_SCHEMA, schema);
    }
    Ok(finished)
}

/// The content of a custom section.
#[must_use]
pub fn custom<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut customs = sections::of(bytes).filter_map(|section| section.custom());
    customs
        .find(|(found, _)| *found == name)
        .map(|(_, content)| content)
}

/// A component as it is; a core module made one.
///
/// # Errors
/// When the bytes are no module, not a whole one, or one that does not fit the contract.
pub fn wrap<'a>(engine: &wasmtime::Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
    let kind = sections::kind(bytes).ok_or(Error::NotWasm)?;
    match sections::missing(bytes) {
        0 => {}
        missing => return Err(Error::Torn(missing)),
    }
    if kind == Kind::Component {
        return Ok(bytes.into());
    }
    // The encoder takes for granted that a module is valid, and panics otherwise.
    wasmtime::Module::validate(engine, bytes).map_err(|e| Error::Damaged(format!("{e:#}")))?;
    CATCHES.set(true);
    let made = std::panic::catch_unwind(|| of_core(bytes));
    CATCHES.set(false);
    match made {
        Ok(made) => made.map(Cow::Owned),
        // It panics on some others too, which is no reason for the agent to end.
        Err(_) => Err(Error::Damaged("its sections do not fit together".into())),
    }
}

thread_local!(static CATCHES: Cell<bool> = const { Cell::new(false) });

/// Whether a panic of this thread would be caught here.
#[must_use]
pub fn catches_panics() -> bool {
    CATCHES.get()
}

fn of_core(core: &[u8]) -> Result<Vec<u8>, Error> {
    let imports = sections::core_imports(core).ok_or(Error::NotWasm)?;
    let unknown = |module: &str| {
        !(module == PREVIEW1
            || module.contains(':')
            || module == "$root"
            || module.starts_with('['))
    };
    let mut names: Vec<_> = imports
        .iter()
        .filter(|(module, _)| unknown(module))
        .map(|(module, name)| format!("`{module}` `{name}`"))
        .collect();
    if let Some((module, _)) = imports.iter().find(|(module, _)| unknown(module)) {
        let (module, count) = ((*module).to_owned(), names.len());
        names.truncate(NAMES_SHOWN);
        return Err(Error::Imports {
            module,
            names,
            count,
        });
    }
    let mut module = core.to_vec();
    let has_contract = sections::of(core)
        .filter_map(|section| section.custom())
        .any(|(name, _)| name.starts_with("component-type"));
    if !has_contract {
        embed(&mut module, &[CONTRACT], "log-filter").map_err(Error::Contract)?;
    }
    let mut encoder = ComponentEncoder::default();
    encoder.module(&module).map_err(Error::Contract)?;
    if imports.iter().any(|(module, _)| *module == PREVIEW1) {
        let mut adapter = ADAPTER.to_vec();
        embed(&mut adapter, &[CONTRACT, ADAPTER_WORLD], "adapter").map_err(Error::Contract)?;
        encoder.adapter(PREVIEW1, &adapter).map_err(Error::Encode)?;
    }
    encoder.validate(true).encode().map_err(Error::Encode)
}

/// Puts a world of the last of these packages into a core module.
fn embed(module: &mut Vec<u8>, packages: &[&str], world: &str) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let mut last = None;
    for (package, text) in packages.iter().enumerate() {
        last = Some(resolve.push_str(format!("{package}.wit"), text)?);
    }
    let packages: Vec<_> = last.into_iter().collect();
    let world = resolve.select_world(&packages, Some(world))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        finish(&wasmtime::Engine::default(), bytes)
    }

    #[test]
    fn the_adapter_is_what_its_source_says() {
        assert_eq!(
            wat::parse_str(include_str!("preview1.wat")).unwrap(),
            ADAPTER
        );
    }

    #[test]
    fn what_no_filter_has_is_told_by_name() {
        let core = wat::parse_str(r#"(module (import "env" "printf" (func)))"#).unwrap();
        let error = finished(&core).unwrap_err().to_string();
        assert_eq!(error, "it needs what no filter has: `env` `printf`");
    }

    #[test]
    fn a_module_without_the_filters_functions_is_told_which_are_missing() {
        let core = wat::parse_str("(module (memory (export \"memory\") 1))").unwrap();
        let error = finished(&core).unwrap_err().to_string();
        assert!(error.contains("logsieve:filter/filter@0.1.0"), "{error}");
    }

    #[test]
    fn a_text_is_no_module() {
        assert!(matches!(finished(b"int main() {}"), Err(Error::NotWasm)));
    }

    #[test]
    fn a_module_that_is_cut_off_is_told_so_whatever_is_left_of_it() {
        let core = wat::parse_str("(module (memory (export \"memory\") 1) (func (export \"f\")))")
            .unwrap();
        let component = wat::parse_str("(component (core module (func)))").unwrap();
        for whole in [core, component] {
            let error = finished(&whole[..whole.len() - 2]).unwrap_err();
            assert!(matches!(error, Error::Torn(1..=2)), "{error}");
        }
    }
}
