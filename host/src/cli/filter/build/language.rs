//! The languages that have a kit, a file each: how a filter's folder is recognised, and how it is compiled.
//! What is installed is found; nothing is installed here.

mod assemblyscript;
mod c;
mod cpp;
mod go;
mod javascript;
mod python;
mod rust;
mod zig;

use std::path::Path;

use crate::cli::Hinted;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    Rust,
    C,
    #[value(alias = "c++")]
    Cpp,
    Zig,
    Go,
    Python,
    #[value(alias = "javascript")]
    Js,
    #[value(alias = "typescript")]
    Ts,
    #[value(name = "assemblyscript", alias = "as")]
    AssemblyScript,
}

/// All of them, in the order in which they are looked for.
pub const ALL: [Language; 9] = [
    Language::Rust,
    Language::C,
    Language::Cpp,
    Language::Zig,
    Language::Go,
    Language::Python,
    Language::Js,
    Language::Ts,
    Language::AssemblyScript,
];

impl Language {
    /// The language of a filter's folder.
    ///
    /// # Errors
    /// When it has marks of none, or of several.
    pub fn of(folder: &Path) -> anyhow::Result<Self> {
        let is_there = |language: &Language| folder.join(language.mark()).is_file();
        let found: Vec<_> = ALL.into_iter().filter(is_there).collect();
        match found[..] {
            [one] => Ok(one),
            [] => Err(Hinted::new(
                format!(
                    "folder `{}` is no filter's: it has none of {}",
                    folder.display(),
                    ALL.map(|l| format!("`{}`", l.mark())).join(", ")
                ),
                "`logsieve filter new NAME --lang LANGUAGE` begins one",
            )
            .into()),
            _ => Err(Hinted::new(
                format!(
                    "folder `{}` has filters of several languages",
                    folder.display()
                ),
                "say which with `--lang`",
            )
            .into()),
        }
    }

    /// The file that tells the language of a folder.
    fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::C => "filter.c",
            Self::Cpp => "filter.cpp",
            Self::Zig => "filter.zig",
            Self::Go => "go.mod",
            Self::Python => "filter.py",
            Self::Js => "filter.js",
            Self::Ts => "filter.ts",
            Self::AssemblyScript => "assembly/filter.ts",
        }
    }

    /// Compiles a folder; gives back what the compiler left.
    ///
    /// # Errors
    /// When there is no compiler, or it fails.
    pub fn compile(self, folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Rust => rust::compile(folder, name),
            Self::C => c::compile(folder),
            Self::Cpp => cpp::compile(folder),
            Self::Zig => zig::compile(folder),
            Self::Go => go::compile(folder),
            Self::Python => python::compile(folder),
            Self::Js => javascript::compile(folder),
            Self::Ts => javascript::compile_typed(folder),
            Self::AssemblyScript => assemblyscript::compile(folder),
        }
    }
}
