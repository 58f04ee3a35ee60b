//! Guests for tests: one behaviour each, one file each, in `examples/`.
//!
//! They are examples because Cargo builds as many modules from one package that way. Those that no
//! kit can write are in `wat/`, in Wasm's own text.

pub mod wasi;
