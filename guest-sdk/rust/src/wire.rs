//! The contract, as generated from `wit/filter.wit`.
//!
//! The rest of the crate hides these types from authors. They are public for those who want the
//! columns themselves, and because [`export_filter!`](crate::export_filter) needs them. Natively
//! the types are the same, and the imports are never called.
#![allow(
    missing_docs,
    reason = "generated; what the WIT documents, it documents"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "log-filter",
    pub_export_macro: true,
    default_bindings_module: "logsieve_filter::wire",
});
