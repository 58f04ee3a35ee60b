//! Modules stay as small as their authors are promised: a ConfigMap takes 1 MiB, raw or compressed, and a module in
//! a small language is no more than a page of logs.

use std::io::Write;

use crate::conformance::is_there;
use crate::engine::path;

/// Of the worked examples, which use every call of their kits; `redact` is among the ready filters.
const RAW_MAX: [(&str, usize); 3] = [
    ("../filters/redact", 150_000),
    ("kit_c", 20_000),
    ("kit_zig", 20_000),
];
/// Compressed as `logsieve filter build --compress gz` does.
const GZ_MAX: [(&str, usize); 3] = [
    ("kit_go", 1 << 20),
    ("kit_js", 1 << 20),
    ("kit_ts", 1 << 20),
];

#[test]
fn modules_in_small_languages_stay_small() {
    for (name, most) in RAW_MAX {
        if is_there(name) {
            let bytes = std::fs::read(path(name)).unwrap().len();
            assert!(bytes < most, "{name}: {bytes} bytes, and {most} at most");
        }
    }
}

#[test]
fn modules_with_a_runtime_fit_a_config_map_when_they_are_compressed() {
    for (name, most) in GZ_MAX {
        if is_there(name) {
            let module = std::fs::read(path(name)).unwrap();
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            gz.write_all(&module).unwrap();
            let bytes = gz.finish().unwrap().len();
            assert!(bytes < most, "{name}: {bytes} bytes, and {most} at most");
        }
    }
}
