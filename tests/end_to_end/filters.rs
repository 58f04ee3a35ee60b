//! Records go through real filters, compiled from source, in the agent as it ships.
//!
//! `cargo xtask test` builds the modules.
