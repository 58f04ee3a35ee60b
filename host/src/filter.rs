//! Runs the users' Wasm over the records.
//!
//! `module` turns a file into compiled code, `instance` is one running copy with its limits, `edits`
//! applies what it gave back, `chain` runs several in order, `hold` keeps what they hold. A filter
//! that fails never loses a record: its batch is tried again on a fresh instance, `failure` finds
//! what it fails on, and that meets the policy that the operator chose; `rest` leaves a filter
//! alone with a container on which it fails all the time.

pub mod accepted;
pub mod cache;
pub mod call;
pub mod chain;
pub mod compile;
pub mod edits;
pub mod engine;
pub mod examples;
pub mod failure;
pub mod hold;
pub mod imports;
pub mod instance;
pub mod limits;
pub mod module;
pub mod parts;
pub mod quarantine;
pub mod rest;
pub mod settings;
pub mod shipped;
pub mod swap;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// The bindings that wasmtime generates from the contract.
pub mod bindings {
    #![allow(
        clippy::all,
        clippy::pedantic,
        missing_docs,
        reason = "generated from the WIT"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "log-filter",
        imports: { default: trappable },
        with: { "logsieve:filter/patterns.pattern-set": super::imports::patterns::PatternSet },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// What becomes of the records that a filter fails on, time and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The records are kept on the node, and never leave it.
    #[default]
    Quarantine,
    /// Reading of the container stops, and the batch is tried again after 1 s, doubling to 5 min.
    /// Nothing leaks, and nothing is lost until rotation takes it.
    Block,
    /// The records go on as the filter was handed them.
    Pass,
    /// The records are discarded, and counted.
    Drop,
}

/// Which filters there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where modules are looked for, first match wins. Relative ones start at the configuration.
    pub directories: Vec<PathBuf>,
    /// The filters by name.
    pub modules: BTreeMap<String, FilterConfig>,
    /// Teams that ship filters of their own, by name.
    pub teams: BTreeMap<String, TeamConfig>,
    /// How long records that a filter holds wait for more, once everything is read.
    #[serde(with = "humantime_serde")]
    pub hold_idle: Duration,
    /// How much of what filters fail on is kept on the node.
    pub quarantine: quarantine::Config,
    /// Limits of all filters that have no other.
    pub limits: limits::Given,
    /// What no filter's limits may pass.
    pub ceilings: limits::Given,
    /// Most compiled code that is kept in the state folder, so that a start compiles nothing.
    pub compiled_bytes_max: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directories: vec![PathBuf::from("/etc/logsieve/filters")],
            modules: BTreeMap::new(),
            teams: BTreeMap::new(),
            hold_idle: Duration::from_secs(1),
            quarantine: quarantine::Config::default(),
            limits: limits::Given::default(),
            ceilings: limits::Given::default(),
            compiled_bytes_max: ByteSize::mib(512),
        }
    }
}

/// One filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FilterConfig {
    /// The module's file; the filter's name with `.wasm` where it is not given.
    pub module: Option<PathBuf>,
    /// SHA-256 of the one module that may be in charge, unpacked, in hex; any where it is not given.
    pub sha256: Option<String>,
    /// Handed to the filter as JSON.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Other limits than those for all filters.
    pub limits: limits::Given,
    pub on_error: OnError,
    /// Destinations that this filter may send records to.
    pub routes: Vec<String>,
}

/// What a team may ship: every module in its folder is a filter `TEAM/NAME`, which pods may choose where
/// the operator allows it, and which no route runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TeamConfig {
    /// Its folder; the one with its name in the first of `directories` where it is not given.
    pub directory: Option<PathBuf>,
    /// Filters of it that may be in charge at once.
    pub filters_max: usize,
    /// Limits of each of its filters, over those of all filters.
    pub limits: limits::Given,
    pub on_error: OnError,
    /// Destinations that its filters may send records to.
    pub routes: Vec<String>,
}

impl Default for TeamConfig {
    fn default() -> Self {
        Self {
            directory: None,
            filters_max: 16,
            limits: limits::Given::default(),
            on_error: OnError::default(),
            routes: Vec::new(),
        }
    }
}
