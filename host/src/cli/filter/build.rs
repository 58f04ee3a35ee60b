//! `logsieve filter build`: makes a finished module, of a filter's folder or of what a compiler left.
//!
//! The author needs the compiler of the language and nothing else: no bindings generator, no adapter
//! to look for, no tool that makes components of core modules.

pub mod language;
pub mod size;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::place;
use crate::cli::Hinted;
use crate::filter::module::{self, component, find, packed::MODULE_BYTES_MAX, parts};
use language::Language;
use size::Size;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A filter's folder, or a module that a compiler made: a component, or a core module with or
    /// without the contract in it, for WASI preview 1 or for nothing.
    #[arg(default_value = ".")]
    from: PathBuf,
    /// Where the module goes: by default `NAME.wasm` in the folder, or `NAME.filter.wasm` beside what
    /// the compiler made.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Writes it compressed as well, for a ConfigMap: the agent takes it as it is.
    #[arg(long, value_enum)]
    compress: Option<size::Compression>,
    /// Writes it in parts as well, `NAME.wasm.zst.0` and so on, for a module that is larger than one
    /// ConfigMap: each part goes into one of its own, and all of them into one projected volume.
    #[arg(long)]
    split: bool,
    /// The folder's language, where it has marks of several.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (made, out) = match args.from.is_dir() {
        true => from_folder(args)?,
        false => from_file(args)?,
    };
    let finished = component::finish(&wasmtime::Engine::default(), &made).map_err(|error| {
        let what = format!("`{}` cannot be made a filter: {error}", args.from.display());
        Hinted::new(what, error.hint())
    })?;
    if finished.len() > MODULE_BYTES_MAX {
        let (bytes, most) = (size::grouped(finished.len()), MODULE_BYTES_MAX >> 20);
        let what = format!(
            "`{}` has {bytes} bytes, and no module may have more than {most} MiB",
            out.display()
        );
        return Err(Hinted::new(
            what,
            "leave out what the filter does not need: tables, libraries",
        )
        .into());
    }
    module::check_uncompiled(&args.from, &finished).map_err(|source| {
        let name = module::stem(&out);
        crate::agent::Error::Module { name, source }
    })?;
    write(&out, &finished)?;
    let size = Size::of(&finished)?;
    println!("{}  {size}", out.display());
    let zst = size::Compression::Zst;
    if let Some(compression) = args.compress.or(args.split.then_some(zst)) {
        let out = PathBuf::from(format!("{}.{}", out.display(), compression.ending()));
        let bytes = compression.compress(&finished)?;
        match args.split {
            true => write_parts(&out, &bytes)?,
            false => write_told(&out, &bytes)?,
        }
    }
    println!("{}", size.advice());
    Ok(ExitCode::SUCCESS)
}

fn write_parts(out: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    for (name, part) in parts::split(&name, bytes, parts::PART_BYTES_MAX)? {
        write_told(&out.with_file_name(name), &part)?;
    }
    Ok(())
}

fn write_told(out: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(out, bytes)?;
    println!("{}  {} bytes", out.display(), size::grouped(bytes.len()));
    Ok(())
}

fn from_folder(args: &Args) -> anyhow::Result<(Vec<u8>, PathBuf)> {
    let folder = args.from.as_path();
    let name = place::folder_name(folder)?;
    let language = match args.lang {
        Some(language) => language,
        None => Language::of(folder)?,
    };
    let made = language.compile(folder, &name)?;
    let out = args.out.clone();
    Ok((
        made,
        out.unwrap_or_else(|| folder.join(format!("{name}.wasm"))),
    ))
}

fn from_file(args: &Args) -> anyhow::Result<(Vec<u8>, PathBuf)> {
    // As the shell has it: relative to the working directory.
    let path = std::path::absolute(&args.from).unwrap_or(args.from.clone());
    let bytes = find::read(&path, &[], None)?.bytes;
    let out = args.out.clone();
    let beside = || {
        args.from
            .with_file_name(format!("{}.filter.wasm", module::stem(&args.from)))
    };
    Ok((bytes, out.unwrap_or_else(beside)))
}

/// Written as a whole: an agent or a test may be reading the former one.
fn write(to: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = PathBuf::from(format!("{}.new", to.display()));
    std::fs::write(&new, bytes)
        .and_then(|()| std::fs::rename(&new, to))
        .with_context(|| format!("writing `{}`", to.display()))
}
