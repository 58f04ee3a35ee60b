//! Which of an input's records an output or a filter takes: by `Match`, a pattern of tags, or by
//! `Match_Regex`. The tag of a container's log ends in the name of its file, so that what a pattern
//! says of that is carried over too.

use super::input::{Input, Source};
use super::matching::Matching;
use super::section::Section;
use super::{file_name, glob, regex};

/// The tag of a container's log behind what an input says.
const PATH: &str = "var.log.containers.";

/// Patterns of tags, of which one has to fit; or none that can be told.
pub struct Selector {
    /// As it stands in the configuration.
    pub line: String,
    globs: Option<Vec<String>>,
}

/// What is taken of one input.
#[derive(Default)]
pub struct Selected {
    pub takes: Vec<Matching>,
    /// It may take more, or less, than `takes` says.
    pub is_unclear: bool,
}

impl Selector {
    pub fn of(section: &mut Section) -> Self {
        if let Some(regex) = section.take("Match_Regex") {
            return Self {
                globs: regex::globs(&regex.value),
                line: regex.line(),
            };
        }
        let pattern = section.text("Match").unwrap_or_else(|| "*".into());
        Self {
            line: format!("Match {pattern}"),
            globs: Some(vec![pattern]),
        }
    }

    /// Whether anything can be told of it.
    pub fn is_clear(&self) -> bool {
        self.globs.is_some()
    }

    pub fn on(&self, input: &Input) -> Selected {
        let mut selected = Selected::default();
        for source in &input.takes {
            let tag = tag_of(&input.tag, source);
            let globs = || self.globs.iter().flatten();
            if globs().any(|g| glob::contains(g, &tag)) {
                selected.takes.push(source.matching.clone());
                continue;
            }
            for pattern in globs().filter(|g| glob::intersects(g, &tag)) {
                match narrowed(pattern, &input.tag, source) {
                    Some(narrow) => selected.takes.extend(narrow),
                    None => selected.is_unclear = true,
                }
            }
        }
        selected
    }
}

/// All tags that its records may have, as a pattern.
fn tag_of(tag: &str, source: &Source) -> String {
    match &source.file {
        Some(path) => tag.replace('*', &path.trim_start_matches('/').replace('/', ".")),
        None => tag.replace('*', &format!("{PATH}{}", file_name::ANY)),
    }
}

/// Those containers of an input whose tags fit a pattern that does not take all of them.
fn narrowed(pattern: &str, tag: &str, source: &Source) -> Option<Vec<Matching>> {
    let beginning = tag.strip_suffix('*').filter(|t| glob::is_exact(t))?;
    if source.file.is_some() {
        return None;
    }
    let mut found = Vec::new();
    for rest in glob::behind(pattern, &format!("{beginning}{PATH}")) {
        if !glob::intersects(&rest, file_name::ANY) {
            continue;
        }
        for matching in file_name::matches(&rest)? {
            if !matching.is_apart(&source.matching) {
                found.push(matching.and(&source.matching)?);
            }
        }
    }
    Some(found)
}
