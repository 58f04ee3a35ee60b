//! What `logsieve filter build` makes of modules that a compiler left: parts for several ConfigMaps, and the
//! schema of a filter's settings, which `inspect` shows.

use std::fs;

use crate::kit::{done, filter, module, refused, text};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Of WebAssembly: a section that no compiler reads.
pub fn with_section(module: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let number = |mut n: usize| {
        let mut bytes = Vec::new();
        while n > 0x7f {
            bytes.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        bytes.push(n as u8);
        bytes
    };
    let payload = [&number(name.len()), name.as_bytes(), content].concat();
    [module, &[0], &number(payload.len()), &payload].concat()
}

#[test]
fn a_module_too_large_for_a_config_map_is_split_and_its_parts_are_a_module() {
    let folder = folder();
    // What does not compress, where it is kept: a schema of settings.
    let mut mixed = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        mixed = mixed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (mixed >> 56) as u8
    })
    .take(2_500_000)
    .collect();
    let large = with_section(
        &fs::read(module("guests/every_change")).unwrap(),
        "logsieve:settings-schema",
        &noise,
    );
    fs::write(folder.path().join("made.wasm"), large).unwrap();
    let shown = done(&filter(
        folder.path(),
        ["build", "made.wasm", "--out", "large.wasm", "--split"],
    ));
    assert!(shown.contains("it fits no ConfigMap"), "{shown}");
    let volume = folder.path().join("volume");
    fs::create_dir(&volume).unwrap();
    for n in 0..3 {
        let name = format!("large.wasm.zst.{n}");
        assert!(shown.contains(&name), "{shown}");
        let part = fs::read(folder.path().join(&name)).unwrap();
        assert!(part.len() <= 1_000_000, "{name}: {} bytes", part.len());
        fs::write(volume.join(&name), part).unwrap();
    }
    assert!(!folder.path().join("large.wasm.zst.3").exists());
    let input = folder.path().join("input.log");
    fs::write(&input, "replace b\n").unwrap();
    let run = |module: &str| {
        filter(
            folder.path(),
            ["run", module, "--input", "input.log", "--format", "json"],
        )
    };
    assert!(done(&run("volume/large.wasm")).contains("\"text\":\"b\""));
    // As a volume shows them while the kubelet works through several ConfigMaps.
    fs::remove_file(volume.join("large.wasm.zst.1")).unwrap();
    let refused = refused(&run("volume/large.wasm"));
    assert!(refused.contains("large.wasm"), "{refused}");
}

#[test]
fn the_schema_of_settings_survives_the_build_and_is_shown() {
    let folder = folder();
    let schema = br#"{"type":"object","properties":{"drop":{"type":"array"}}}"#;
    let made = with_section(
        &fs::read(module("guests/noop")).unwrap(),
        "logsieve:settings-schema",
        schema,
    );
    fs::write(folder.path().join("made.wasm"), made).unwrap();
    done(&filter(
        folder.path(),
        ["build", "made.wasm", "--out", "with_schema.wasm"],
    ));
    let inspected = done(&filter(folder.path(), ["inspect", "with_schema.wasm"]));
    let shown = format!("settings  {}", text(schema));
    assert!(inspected.contains(&shown), "{inspected}");
    let plain = done(&filter(
        folder.path(),
        ["inspect", module("guests/noop").to_str().unwrap()],
    ));
    assert!(!plain.contains("settings  "), "{plain}");
}

/// Only of components it was told how large they are when they are compiled.
#[test]
fn the_compiled_size_of_what_a_compiler_left_is_that_of_the_finished_module() {
    let folder = folder();
    let guest = module("guests/noop");
    let guest = guest.to_str().unwrap();
    done(&filter(
        folder.path(),
        ["build", guest, "--out", "noop.wasm"],
    ));
    let compiled = |module: &str| {
        let shown = done(&filter(folder.path(), ["inspect", module]));
        let line = shown.lines().find(|l| l.starts_with("  compiled  "));
        let size = line.and_then(|l| l.split(", in ").next());
        size.unwrap_or_else(|| panic!("no size in {shown}"))
            .to_owned()
    };
    assert!(compiled(guest).ends_with(" bytes"));
    assert_eq!(compiled(guest), compiled("noop.wasm"));
}
