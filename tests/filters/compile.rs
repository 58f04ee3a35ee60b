//! Modules are compiled in a process that ends with it, and their code is kept where the disk takes it.
//! The compiler here is the agent as it was built, or a program in its place.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use logsieve::filter::compile::Compiler;
use logsieve::filter::module::find::{self, Found};
use logsieve::filter::module::sha256_hex;

use crate::engine::{engine, path};

/// A guest as it is found in a folder.
fn found(name: &str) -> Found {
    find::read(&std::path::absolute(path(name)).unwrap(), &[], None).unwrap()
}

fn compiler(folder: &Path, program: &OsStr) -> Compiler {
    Compiler::with_program(engine().clone(), folder, u64::MAX, program)
}

#[test]
fn code_is_compiled_in_a_child_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let program = support::agent::binary();
    let first = compiler(folder.path(), program.as_os_str());
    let module = first.module(&found("prefixes")).unwrap();
    assert_eq!(module.hash, found("prefixes").hash);
    // Nothing could compile here.
    let second = compiler(folder.path(), OsStr::new("/bin/false"));
    second.module(&found("prefixes")).unwrap();
    assert!(second.module(&found("noop")).is_err());
}

#[test]
fn what_a_child_refuses_is_refused_in_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = support::agent::binary();
    let compiler = compiler(folder.path(), program.as_os_str());
    let broken = |bytes: &[u8]| Found {
        bytes: bytes.to_vec(),
        hash: sha256_hex(bytes),
        ..found("noop")
    };
    let refused = compiler.module(&broken(b"#!/bin/sh")).map(|m| m.hash);
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("noop.wasm` is not WebAssembly"),
        "{refused}"
    );
    let torn = compiler.module(&broken(&fs::read(path("noop")).unwrap()[..5000]));
    assert!(torn.is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_compiler_that_dies_is_told_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = compiler(folder.path(), OsStr::new("/bin/sh"));
    let refused = compiler.module(&found("noop")).map(|m| m.hash).unwrap_err();
    assert!(refused.to_string().contains("ended with"), "{refused}");
}

#[test]
fn where_no_process_can_be_started_modules_compile_in_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = compiler(folder.path(), OsStr::new("/no/such/program"));
    assert!(compiler.module(&found("noop")).is_ok());
}

/// This program writes to `/dev/full` what is to go to a file of the folder, as to a disk without room.
const FULL_DISK: &str = r#"#!/bin/sh
case $(readlink /proc/$$/fd/1) in /memfd:*) exec LOGSIEVE "$@";; *) exec LOGSIEVE "$@" > /dev/full;; esac
"#;

#[test]
fn a_disk_without_room_keeps_no_module_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("compiler");
    let logsieve = support::agent::binary().display().to_string();
    fs::write(&program, FULL_DISK.replace("LOGSIEVE", &logsieve)).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let kept = folder.path().join("compiled");
    let full = compiler(&kept, program.as_os_str());
    let module = full.module(&found("prefixes")).unwrap();
    assert_eq!(module.hash, found("prefixes").hash);
    let torn = Found {
        bytes: fs::read(path("noop")).unwrap()[..5000].to_vec(),
        ..found("noop")
    };
    assert!(
        full.module(&torn).is_err(),
        "what is no module is none in memory"
    );
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 0);
    // Nor does a folder that is gone.
    fs::remove_dir(&kept).unwrap();
    assert!(full.module(&found("noop")).is_ok());
}
