//! `logsieve filter new`: a folder that builds, with examples, tests and a README of one screen.
//!
//! The kit of the language goes into the folder with it, as this agent has it: so nothing has to be
//! fetched or found, and what is built fits the agent that made it.

mod kits;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::build::language::Language;
use crate::cli::Hinted;
use crate::filter::module::component::CONTRACT;
use kits::Kit;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The filter's name, and the folder's: lower-case letters, digits and `_`.
    name: PathBuf,
    /// The language that it is written in.
    #[arg(long, value_enum)]
    lang: Language,
    /// Begins with the worked example, which uses every call of the kit.
    #[arg(long)]
    example: bool,
}

/// What templates say in place of the filter's name.
const NAME: &str = "my_filter";
const ABOUT_TEMPLATE: &str = "Drops records that hold one of some texts (`GET /healthz`, unless the setting \
`drop` names others), and masks what stands behind `password=`.";
const ABOUT_EXAMPLE: &str =
    "A worked example: it does to a record what its text says, and uses every call of the kit.";

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = args.name.as_path();
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    check(name)?;
    if folder.exists() {
        return Err(Hinted::new(
            format!("`{}` is there already", folder.display()),
            "choose another name, or remove it",
        )
        .into());
    }
    let kit = kits::of(args.lang);
    let (own, examples, about) = match args.example {
        true => (kit.example, kits::CONFORMANCE, ABOUT_EXAMPLE),
        false => (kit.template, kits::EXAMPLES, ABOUT_TEMPLATE),
    };
    // The worked example has no native tests: `examples.yaml` is one for all languages.
    let native = if args.example { "" } else { kit.native };
    for (path, content) in own {
        write(folder, path, &named(content, name))?;
    }
    for (path, content) in kit.kit.iter().copied().flatten() {
        write(&folder.join("kit"), path, content)?;
    }
    write(&folder.join("kit"), "wit/filter.wit", CONTRACT.as_bytes())?;
    write(
        folder,
        "README.md",
        &named(readme(kit, about, native).as_bytes(), name),
    )?;
    write(folder, "examples.yaml", &named(examples, name))?;
    write(folder, ".gitignore", kits::GITIGNORE)?;
    println!(
        "`{}` is a filter in {}: `{}`",
        folder.display(),
        kit.language,
        kit.source
    );
    println!("next: logsieve filter build {}", folder.display());
    if let Some(tool) = kit.tool {
        println!("it needs {tool}");
    }
    Ok(ExitCode::SUCCESS)
}

fn check(name: &str) -> anyhow::Result<()> {
    let letters = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    // Names that a language has taken, or the template itself.
    let taken = ["kit", "filter", "test", "main", "logsieve", NAME].contains(&name);
    if letters && begins && !taken {
        return Ok(());
    }
    let what = match taken {
        true => format!("`{name}` is a name that a kit uses itself"),
        false => format!("`{name}` is no name for a filter"),
    };
    let hint =
        "a name begins with a letter, and has lower-case letters, digits and `_`: `mask_cards`";
    Err(Hinted::new(what, hint).into())
}

/// The filter's name in place of the template's.
fn named(content: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => text
            .replace(NAME, name)
            .replace("MyFilter", &camel(name))
            .into_bytes(),
        Err(_) => content.to_vec(),
    }
}

/// `MaskCards` of `mask_cards`.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    name.split('_').map(word).collect()
}

fn readme(kit: &Kit, about: &str, native: &str) -> String {
    let text = String::from_utf8_lossy(kits::README).replace("{{about}}", about);
    let text = text
        .replace("{{source}}", kit.source)
        .replace("{{kit}}", kit.api);
    text.replace("{{native}}", native)
}

fn write(folder: &Path, path: &str, content: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(path);
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(&path, content))
        .with_context(|| format!("writing `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_in_every_language() {
        for name in ["mask_cards", "a", "v2"] {
            assert!(check(name).is_ok(), "{name}");
            assert_eq!(camel("mask_cards"), "MaskCards");
        }
        for name in ["", "Mask", "2a", "mask-cards", "kit", "ä", "my_filter"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
