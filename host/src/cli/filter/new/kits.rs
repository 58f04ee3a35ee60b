//! The files that `new` writes, carried in the binary: what lies in `guest-sdk/`, listed by name.
//! A test holds the lists against the folders.

use crate::cli::filter::build::language::Language;

/// Files by name.
pub type Files = &'static [(&'static str, &'static [u8])];

/// What a language's folder is made of.
pub struct Kit {
    pub language: &'static str,
    /// The author's own files.
    pub template: Files,
    /// The worked example's, in their place.
    pub example: Files,
    /// What goes into `kit/`: its own files, and those of the language beneath.
    pub kit: &'static [Files],
    /// The filter itself.
    pub source: &'static str,
    /// Where all that a filter can do is said.
    pub api: &'static str,
    /// How it is tested without Wasm.
    pub native: &'static str,
    /// What has to be installed beside a compiler, if anything.
    pub tool: Option<&'static str>,
}

macro_rules! files {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$((
            $file,
            include_bytes!(concat!("../../../../../guest-sdk/", $folder, "/", $file)),
        )),*]
    };
}

pub const EXAMPLES: &[u8] = include_bytes!("../../../../../guest-sdk/template/examples.yaml");
pub const CONFORMANCE: &[u8] = include_bytes!("../../../../../guest-sdk/conformance/examples.yaml");
pub const README: &[u8] = include_bytes!("../../../../../guest-sdk/template/README.md");
pub const GITIGNORE: &[u8] = include_bytes!("../../../../../guest-sdk/template/gitignore");

pub fn of(language: Language) -> &'static Kit {
    match language {
        Language::Rust => &RUST,
        Language::C => &C,
        Language::Cpp => &CPP,
        Language::Zig => &ZIG,
        Language::Go => &GO,
        Language::Python => &PYTHON,
        Language::Js => &JS,
        Language::Ts => &TS,
        Language::AssemblyScript => &ASSEMBLYSCRIPT,
    }
}

static RUST: Kit = Kit {
    language: "Rust",
    template: files!("rust/template": "Cargo.toml", "src/lib.rs"),
    example: files!("rust/example": "Cargo.toml", "src/lib.rs"),
    kit: &[
        files!("rust": "Cargo.toml", "README.md", "src/batch.rs", "src/edits.rs", "src/edits/tests.rs", "src/export.rs", "src/filter.rs", "src/json.rs", "src/json/deserialize.rs", "src/json/reader.rs", "src/json/tests.rs", "src/lib.rs", "src/native.rs", "src/native/patterns.rs", "src/native/world.rs", "src/origin.rs", "src/patterns.rs", "src/record.rs", "src/report.rs", "src/settings.rs", "src/stream.rs", "src/testing.rs", "src/testing/apply.rs", "src/testing/record.rs", "src/testing/run.rs", "src/testing/tests.rs", "src/wire.rs", "examples/join_stack_traces.rs"),
    ],
    source: "src/lib.rs",
    api: "kit/README.md",
    native: "`cargo test` runs the tests in it, natively.",
    tool: Some("the target `wasm32-unknown-unknown`: `rustup target add wasm32-unknown-unknown`"),
};

const C_KIT: Files = files!("c/kit": "edits.c", "edits.h", "filter.c", "log_filter.c", "log_filter.h", "log_filter_component_type.o", "logsieve.h", "memory.c", "native/testing.c", "settings.c", "settings.h", "testing.h");

static C: Kit = Kit {
    language: "C",
    template: files!("c/template": "Makefile", "filter.c", "filter_test.c"),
    example: files!("c/example": "filter.c"),
    kit: &[C_KIT],
    source: "filter.c",
    api: "kit/logsieve.h",
    native: "`make test` runs `filter_test.c`, natively, under the compiler's checks of memory.",
    tool: Some(
        "clang with the target `wasm32-wasi`: `apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`",
    ),
};

static CPP: Kit = Kit {
    language: "C++",
    template: files!("cpp/template": "Makefile", "filter.cpp", "filter_test.cpp"),
    example: files!("cpp/example": "filter.cpp"),
    kit: &[C_KIT, files!("cpp/kit": "abort.cpp", "logsieve.hpp")],
    source: "filter.cpp",
    api: "kit/logsieve.hpp",
    native: "`make test` runs `filter_test.cpp`, natively, under the compiler's checks of memory.",
    tool: Some(
        "clang and libc++ with the target `wasm32-wasi`: `apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 libc++-19-dev-wasm32 libc++abi-19-dev-wasm32`",
    ),
};

static ZIG: Kit = Kit {
    language: "Zig",
    template: files!("zig/template": "filter.zig"),
    example: files!("zig/example": "filter.zig"),
    kit: &[C_KIT, files!("zig/kit": "c.zig", "logsieve.zig")],
    source: "filter.zig",
    api: "kit/logsieve.zig",
    native: "`python-zig test filter.zig kit/native/testing.c -lc` runs the tests in it, natively (`zig test` where Zig is not PyPI's).",
    tool: Some("Zig 0.17: `pip install ziglang`"),
};

static GO: Kit = Kit {
    language: "Go",
    template: files!("go/template": "filter.go", "filter_test.go", "go.mod"),
    example: files!("go/example": "filter.go", "go.mod"),
    kit: &[files!("go/kit": "agent.go", "edits.go", "logsieve.go", "testing.go")],
    source: "filter.go",
    api: "kit/logsieve.go",
    native: "`go test` runs the tests beside it, natively.",
    tool: Some("Go 1.24 or later"),
};

static PYTHON: Kit = Kit {
    language: "Python",
    template: files!("python/template": "filter.py", "test_filter.py"),
    example: files!("python/example": "filter.py"),
    kit: &[files!("python/kit": "logsieve.py", "logsieve_entry.py")],
    source: "filter.py",
    api: "kit/logsieve.py",
    native: "`python3 test_filter.py` runs the tests beside it, natively.",
    tool: Some("componentize-py: `pip install componentize-py`"),
};

const JS_KIT: Files = files!("js/kit": "entry.js", "logsieve.js");

static JS: Kit = Kit {
    language: "JavaScript",
    template: files!("js/template": "filter.js", "filter.test.mjs", "package.json"),
    example: files!("js/example": "filter.js", "package.json"),
    kit: &[JS_KIT],
    source: "filter.js",
    api: "kit/logsieve.js",
    native: "`node --test` runs the tests beside it, natively.",
    tool: Some("componentize-qjs: `npm install componentize-qjs`"),
};

static TS: Kit = Kit {
    language: "TypeScript",
    template: files!("ts/template": "filter.test.mjs", "filter.ts", "package.json", "tsconfig.json"),
    example: files!("ts/example": "filter.ts", "package.json", "tsconfig.json"),
    kit: &[JS_KIT, files!("ts/kit": "logsieve.d.ts")],
    source: "filter.ts",
    api: "kit/logsieve.d.ts",
    native: "`npm test` runs the tests beside it, natively.",
    tool: Some("typescript and componentize-qjs: `npm install typescript componentize-qjs`"),
};

static ASSEMBLYSCRIPT: Kit = Kit {
    language: "AssemblyScript",
    template: files!("assemblyscript/template": "assembly/filter.ts", "assembly/tsconfig.json", "filter.test.mjs", "package.json"),
    example: files!("assemblyscript/example": "assembly/filter.ts", "assembly/tsconfig.json"),
    kit: &[
        files!("assemblyscript/kit": "agent.ts", "edits.ts", "entry.ts", "fail.ts", "logsieve.ts", "memory.ts", "names.mjs", "settings.ts", "testing.mjs", "text.ts"),
    ],
    source: "assembly/filter.ts",
    api: "kit/logsieve.ts",
    native: "`npm test` runs the tests beside it: Node runs what the compiler left, and no agent is needed.",
    tool: Some("AssemblyScript: `npm install assemblyscript`"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    fn files(folder: &Path, below: &Path, into: &mut BTreeSet<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "__pycache__" {
                files(&path, &below.join(name), into);
            } else if path.is_file() {
                into.insert(below.join(name));
            }
        }
    }

    #[test]
    fn how_a_kit_is_tested_natively_is_told_in_the_readme() {
        let readme = include_str!("../../../../../guest-sdk/README.md");
        for language in crate::cli::filter::build::language::ALL {
            let kit = of(language);
            let command = kit.native.split('`').nth(1).unwrap();
            let row = format!("| {} | `{command}` |", kit.language);
            assert!(readme.contains(&row), "no `{row}`");
        }
    }

    #[test]
    fn every_file_of_a_kit_is_listed() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
        let listed = |files: Files| files.iter().map(|(f, _)| PathBuf::from(f)).collect();
        let there = |folder: &str| {
            let mut found = BTreeSet::new();
            files(&sdk.join(folder), Path::new(""), &mut found);
            found
        };
        for (folder, kit) in [
            ("c", &C),
            ("cpp", &CPP),
            ("zig", &ZIG),
            ("go", &GO),
            ("python", &PYTHON),
            ("js", &JS),
            ("ts", &TS),
            ("assemblyscript", &ASSEMBLYSCRIPT),
        ] {
            // Its own files are named last.
            let own = kit.kit.last().unwrap();
            let [a, b]: [BTreeSet<PathBuf>; 2] = [listed(kit.template), listed(own)];
            assert_eq!(a, there(&format!("{folder}/template")));
            let example: BTreeSet<PathBuf> = listed(kit.example);
            assert_eq!(example, there(&format!("{folder}/example")));
            assert_eq!(b, there(&format!("{folder}/kit")));
        }
        let sources: BTreeSet<PathBuf> = listed(RUST.kit[0]);
        let sources = sources
            .into_iter()
            .filter_map(|f| Some(f.strip_prefix("src").ok()?.to_owned()));
        assert_eq!(sources.collect::<BTreeSet<_>>(), there("rust/src"));
    }
}
