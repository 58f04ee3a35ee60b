//! Fluent Bit's classic format: `[SECTION]`, one key and value a line, `@INCLUDE`, `@SET`.
//!
//! Indentation says nothing to Fluent Bit's reader, and neither does the case of keys.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;

use super::section::{Section, substitute};

/// How deep files may include each other.
pub const DEPTH_MAX: usize = 8;

/// Opens what `@INCLUDE` names: several files where it is a pattern.
pub type Open<'a> = dyn Fn(&str) -> Vec<(String, String)> + 'a;

/// All sections of a text, those of the files that it includes in their places.
pub fn read(text: &str, file: &str, open: &Open<'_>) -> anyhow::Result<Vec<Section>> {
    let mut sections = Vec::new();
    let mut set = BTreeMap::new();
    into(text, file, open, 0, &mut set, &mut sections)?;
    Ok(sections)
}

fn into(
    text: &str,
    file: &str,
    open: &Open<'_>,
    depth: usize,
    set: &mut BTreeMap<String, String>,
    sections: &mut Vec<Section>,
) -> anyhow::Result<()> {
    for (number, line) in text.lines().enumerate() {
        let at = format!("{file}:{}", number + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push(Section::new(name, &at));
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if key.eq_ignore_ascii_case("@include") {
            if depth == DEPTH_MAX {
                bail!("{at}: files include each other more than {DEPTH_MAX} deep");
            }
            let files = open(value.trim());
            if files.is_empty() {
                bail!("{at}: `{value}` is not there");
            }
            for (name, text) in files {
                into(&text, &name, open, depth + 1, set, sections)?;
            }
        } else if key.eq_ignore_ascii_case("@set") {
            if let Some((name, value)) = value.split_once('=') {
                set.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        } else if let Some(section) = sections.last_mut() {
            section.push(key, &substitute(value, set), &at);
        } else {
            bail!("{at}: `{line}` stands before any section");
        }
    }
    Ok(())
}

/// Files beside a configuration, by name or pattern, in order.
pub fn files(folder: &Path, pattern: &str) -> Vec<(String, String)> {
    let path = folder.join(pattern);
    let folder = path.parent().unwrap_or(Path::new("."));
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    let globs = crate::record::Globs::One(wanted.into_owned());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if globs.matches(&name)
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.push((name, text));
        }
    }
    found.sort();
    found
}
