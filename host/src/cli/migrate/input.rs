//! The `tail` inputs: those of container logs as matches, those of anything else as groups of plain
//! files. Where reading starts is one setting for all containers.

use serde_json::{Map, Value, json};

use super::matching::Matching;
use super::section::{Entry, Note, Section, is_true};
use super::{file_name, names};

/// A `tail`.
pub struct Input {
    pub at: String,
    /// As it stands in the configuration: the path of a file takes the place of a `*`.
    pub tag: String,
    /// The same as a template.
    pub tag_template: String,
    pub takes: Vec<Source>,
    pub leaves: Vec<Matching>,
}

/// One of an input's paths.
pub struct Source {
    pub matching: Matching,
    /// The path of plain files.
    pub file: Option<String>,
}

impl Source {
    fn containers(matching: Matching) -> Self {
        Self {
            matching,
            file: None,
        }
    }

    fn files(path: &str) -> Self {
        Self {
            matching: Matching::file(path),
            file: Some(path.to_owned()),
        }
    }
}

/// All inputs of a configuration.
#[derive(Default)]
pub struct Inputs {
    pub all: Vec<Input>,
    /// Groups of plain files by name.
    pub files: Map<String, Value>,
    /// Of each with container logs: where it stands, what it says, and whether that is the beginning.
    starts: Vec<(String, String, bool)>,
}

impl Inputs {
    pub fn add(&mut self, input: &mut Section, notes: &mut Vec<Note>) {
        let tag = input.text("Tag").unwrap_or_default();
        let start = input.take("Read_from_Head");
        let from_head = start.as_ref().is_some_and(|s| is_true(&s.value));
        if let Some(start) = start.as_ref().filter(|s| s.value.contains('$')) {
            let why = "a variable; `source.container_log.start` is `end` or `beginning`";
            notes.push(Note::fine(&start.at, start.line(), why));
        }
        let (takes, files) = paths(input, "Path", notes);
        let beside = leave_by_name(input, takes.is_empty(), notes);
        let (mut leaves, left) = paths(input, "Exclude_Path", notes);
        leaves.extend(beside);
        let (at, takes) = (input.at.clone(), takes.into_iter().map(Source::containers));
        if takes.len() == 0 && !files.is_empty() {
            self.add_files(input, &tag, (&files, &left), from_head, notes);
            leaves.extend(left.iter().map(|path| Matching::file(path)));
            self.all.push(Input {
                at,
                tag_template: names::plain_tag(&tag, &files),
                tag,
                takes: files.iter().map(|path| Source::files(path)).collect(),
                leaves,
            });
            return;
        }
        let keyed =
            |key: &'static str, all: Vec<String>| all.into_iter().map(move |one| (key, one));
        for (key, path) in keyed("Path", files).chain(keyed("Exclude_Path", left)) {
            let why = "the same input has container logs: give these files one of their own";
            notes.push(Note::lost(&at, format!("{key} {path}"), why));
        }
        if takes.len() == 0 {
            return;
        }
        let line = start.as_ref().map(Entry::line);
        let place = start.map_or(at.clone(), |s| s.at);
        let line = line.unwrap_or_else(|| "Read_from_Head Off".into());
        self.starts.push((place, line, from_head));
        self.all.push(Input {
            at,
            tag_template: names::tag(&tag),
            tag,
            takes: takes.collect(),
            leaves,
        });
    }

    /// A group of plain files, under the last word of its tag.
    fn add_files(
        &mut self,
        input: &mut Section,
        tag: &str,
        (include, exclude): (&[String], &[String]),
        from_head: bool,
        notes: &mut Vec<Note>,
    ) {
        if let Some(parser) = input.take("Parser") {
            let why = "the time of a line is read whatever its form; its text is sent as it is";
            notes.push(Note::lost(&parser.at, parser.line(), why));
        }
        let word = tag.split('.').rfind(|w| !w.is_empty() && !w.contains('*'));
        let is_taken = |name: &str| self.files.contains_key(name);
        let name = names::free(word.unwrap_or("files"), &is_taken);
        let mut group = Map::new();
        group.insert("include".into(), json!(include));
        if !exclude.is_empty() {
            group.insert("exclude".into(), json!(exclude));
        }
        group.insert("start".into(), json!(start(from_head)));
        self.files.insert(name, group.into());
    }

    /// Where reading of containers starts. It is the beginning if one of them says so, since that
    /// sends too much where the end sends too little.
    pub fn start(&self, notes: &mut Vec<Note>) -> Option<&'static str> {
        let from_head = self.starts.iter().any(|(_, _, from_head)| *from_head);
        for (at, line, own) in &self.starts {
            if *own != from_head {
                let why = "the inputs differ, and `source.container_log.start` is one for all: it is \
                           `beginning`, so what these files hold is sent too";
                notes.push(Note::lost(at, line, why));
            }
        }
        (!self.starts.is_empty()).then(|| start(from_head))
    }
}

fn start(from_head: bool) -> &'static str {
    if from_head { "beginning" } else { "end" }
}

/// Takes those patterns out of `Exclude_Path` that name no folder: they fit whole paths, from a `*` on.
fn leave_by_name(input: &mut Section, is_plain: bool, notes: &mut Vec<Note>) -> Vec<Matching> {
    let found = |e: &&mut Entry| e.key.eq_ignore_ascii_case("Exclude_Path") && !is_plain;
    let Some(entry) = input.entries.iter_mut().find(found) else {
        return Vec::new();
    };
    let mut leaves = Vec::new();
    let mut kept = Vec::new();
    for pattern in entry.value.split(',').map(str::trim) {
        let is_by_name = pattern.starts_with('*');
        if is_by_name && !file_name::may_be_container(pattern) {
            let why = "no container's log is called so";
            notes.push(Note::fine(
                &entry.at,
                format!("Exclude_Path {pattern}"),
                why,
            ));
        } else if is_by_name && let Some(found) = file_name::matches(pattern) {
            leaves.extend(found);
        } else {
            kept.push(pattern);
        }
    }
    entry.value = kept.join(", ");
    leaves
}

/// Those of container logs as matches, and those of other files as they are.
fn paths(input: &mut Section, key: &str, notes: &mut Vec<Note>) -> (Vec<Matching>, Vec<String>) {
    let (mut matches, mut files) = (Vec::new(), Vec::new());
    let Some(entry) = input.take(key) else {
        return (matches, files);
    };
    let patterns = entry.value.split(',').map(str::trim);
    for pattern in patterns.filter(|p| !p.is_empty()) {
        match file_name::path(pattern) {
            Some(found) => matches.extend(found),
            None if file_name::is_plain(pattern) => files.push(pattern.to_owned()),
            None => {
                let why = "it is neither a simple pattern below /var/log/containers nor a path that \
                           `source.files` takes";
                notes.push(Note::lost(&entry.at, format!("{key} {pattern}"), why));
            }
        }
    }
    (matches, files)
}
