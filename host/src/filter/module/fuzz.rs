//! Bytes that are no module, or nearly one, given to the loader: each is refused with a reason or
//! loaded, and none ends the agent.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::clock::Clock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Clock::start()).unwrap());

/// Pieces of real modules: headers, sections, a component with imports of each kind.
fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "(module)",
        "(component)",
        r#"(module (memory (export "memory") 1) (func (export "f") (result i32) (i32.const 1)))"#,
        r#"(component (import "wasi:io/poll@0.2.0" (instance)))"#,
        r#"(component (import "wasi:cli/exit@0.2.0" (instance (export "exit" (func)))))"#,
        r#"(component (import "wasi:io/error@0.2.1" (instance (export "error" (type (sub resource))))))"#,
        r#"(component (import "wasi:random/random@0.2.1" (instance
            (export "get-random-u64" (func (result string))))))"#,
        r#"(component (import "logsieve:filter/report@0.1.0" (instance)))"#,
        r#"(component (instance $i) (export "logsieve:filter/filter@0.1.0" (instance $i)))"#,
        include_str!("../../../../tests/guests/wat/grows_tables.wat"),
    ];
    texts.iter().map(|t| wat::parse_str(t).unwrap()).collect()
}

fn load(bytes: &[u8]) {
    if let Err(error) = from_bytes(&ENGINE, Path::new("f.wasm"), bytes) {
        assert!(error.to_string().starts_with("`f.wasm` "), "{error}");
    }
}

/// What wraps core modules panics where a section says that it is longer than the file.
#[test]
fn a_module_that_is_cut_off_is_refused() {
    let text = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;
    let whole = wat::parse_str(text).unwrap();
    for len in 8..whole.len() {
        let cut = from_bytes(&ENGINE, Path::new("f.wasm"), &whole[..len]);
        assert!(cut.is_err(), "{len} of {} bytes", whole.len());
    }
}

#[test]
fn every_piece_of_a_module_is_loaded_or_refused_by_name() {
    for seed in seeds() {
        load(&seed);
        (0..seed.len())
            .step_by(1 + seed.len() / 64)
            .for_each(|len| load(&seed[..len]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_module_is_loaded_or_refused_by_name(
        seed in any::<Index>(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
    ) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        load(&bytes);
    }

    #[test]
    fn bytes_behind_the_head_of_a_module_are_refused(
        component in any::<bool>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let head: &[u8] = match component {
            true => b"\0asm\x0d\0\x01\0",
            false => b"\0asm\x01\0\0\0",
        };
        load(&[head, &bytes].concat());
    }
}
