//! Files that are no filter, each refused by what is wrong with it. Modules that are filters are run
//! in `tests/filters`, compiled from their sources.

use super::*;
use crate::clock::Clock;

fn refused(bytes: &[u8]) -> Error {
    let engine = Engine::new(Clock::start()).unwrap();
    let loaded = from_bytes(&engine, Path::new("f.wasm"), bytes);
    loaded.map(|m| m.hash).unwrap_err()
}

fn refused_wat(text: &str) -> String {
    refused(&wat::parse_str(text).unwrap()).to_string()
}

#[test]
fn a_file_that_is_not_wasm_is_refused_by_what_it_starts_with() {
    assert_eq!(
        refused(b"#!/bin/sh").to_string(),
        "`f.wasm` is not WebAssembly: it starts with \"#!/bin/sh\""
    );
    assert!(matches!(refused(b""), Error::NotWasm { .. }));
}

#[test]
fn an_import_that_no_filter_may_use_is_refused_by_name() {
    assert_eq!(
        refused_wat(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#),
        "`f.wasm` imports `wasi:http/outgoing-handler@0.2.0`, which no filter may use"
    );
    assert_eq!(
        refused_wat(
            r#"(module (import "wasi_snapshot_preview2" "fd_write" (func (param i32 i32 i32 i32) (result i32))))"#
        ),
        "`f.wasm` imports `wasi_snapshot_preview2`, which no filter may use"
    );
}

#[test]
fn a_module_for_another_version_of_the_contract_is_refused() {
    let message =
        "`f.wasm` is built for `logsieve:filter@9.9.9`, and this agent runs logsieve:filter 0.1";
    let exports =
        r#"(component (instance $i) (export "logsieve:filter/filter@9.9.9" (instance $i)))"#;
    let imports = r#"(component (import "logsieve:filter/report@9.9.9" (instance)))"#;
    assert_eq!(refused_wat(exports), message);
    assert_eq!(refused_wat(imports), message);
}

#[test]
fn a_module_that_is_no_filter_is_refused() {
    assert!(matches!(
        refused(&wat::parse_str("(component)").unwrap()),
        Error::NoFilter { .. }
    ));
    assert!(matches!(
        refused(&wat::parse_str("(module)").unwrap()),
        Error::Wrap { .. }
    ));
    let empty =
        r#"(component (instance $i) (export "logsieve:filter/filter@0.1.0" (instance $i)))"#;
    assert!(matches!(
        refused(&wat::parse_str(empty).unwrap()),
        Error::Link { .. }
    ));
}

#[test]
fn a_core_module_without_the_filters_functions_is_told_the_way_out() {
    let wasi1 = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (memory (export "memory") 1))"#;
    let error = refused(&wat::parse_str(wasi1).unwrap());
    assert!(
        error.to_string().contains("logsieve:filter/filter@0.1.0"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("guest-sdk"));
}

#[test]
fn a_module_that_is_torn_is_refused() {
    let whole = wat::parse_str("(component (import \"a\" (func)))").unwrap();
    let torn = refused(&whole[..whole.len() - 3]);
    assert!(matches!(torn, Error::Torn { .. }), "{torn}");
    // wit-component 0.263 panicked on the second: a section that goes on behind the file's end.
    for torn in [
        &b"\0asm\x01\0\0\0\x01\xff"[..],
        b"\0asm\x01\0\0\0\x00\x7f\x01a",
    ] {
        let torn = refused(torn);
        assert!(matches!(torn, Error::Torn { .. }), "{torn}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_module_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60), layer in 0_u8..3) {
        let mut module = match layer {
            0 => Vec::new(),
            1 => b"\0asm\x01\0\0\0".to_vec(),
            _ => b"\0asm\x0d\0\x01\0".to_vec(),
        };
        module.extend_from_slice(&bytes);
        refused(&module);
    }
}
