//! Which filters a team ships: the modules in its folder, by name.
//!
//! The operator names the team and bounds its filters; what lies in its folder is the team's alone,
//! and comes, changes and goes without a restart. A filter whose module is gone from the folder goes on
//! with the one in charge, as one of the operator's does, until others need its place.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::module::find;
use super::module::packed::Packing;

/// A name is part of an annotation's value, and of a metric's label.
const NAME_BYTES_MAX: usize = 63;
/// Most entries of a folder that are looked at; no ConfigMap has more keys.
const ENTRIES_MAX: usize = 4096;
/// How often listing is tried where a generation goes away meanwhile.
const TRIES: usize = 5;

/// The names of the modules in a folder, in order.
///
/// # Errors
/// When the folder is there and cannot be listed; one that is not there has none.
pub fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut tries = 0;
    loop {
        tries += 1;
        match listed(&find::generation(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            done => return done,
        }
    }
}

fn listed(generation: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(generation)?.take(ENTRIES_MAX) {
        names.extend(name(&entry?.file_name().to_string_lossy()));
    }
    Ok(names)
}

/// `NAME.wasm`, packed or not, whole or in parts.
fn name(file: &str) -> Option<String> {
    let (name, rest) = file.split_once(".wasm")?;
    let rest = match rest.rsplit_once('.') {
        Some((packing, part)) if is_number(part) => packing,
        _ => rest,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(fits);
    let is_module = Packing::ALL.iter().any(|packing| packing.suffix() == rest);
    (is_name && is_module && !name.starts_with("..")).then(|| name.to_owned())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Those that the team may have in charge, up to `most`: what is there and was before, then what is new, then
/// what was and is gone; and what is there beyond that. A further module takes nobody's place, whatever
/// it is called.
#[must_use]
pub fn allowed(
    present: &BTreeSet<String>,
    former: &BTreeSet<String>,
    most: usize,
) -> (BTreeSet<String>, Vec<String>) {
    let staying = present.intersection(former);
    let new = present.difference(former);
    let gone = former.difference(present);
    let all = staying.chain(new).chain(gone);
    let allowed: BTreeSet<String> = all.take(most).cloned().collect();
    let surplus = present.difference(&allowed).cloned().collect();
    (allowed, surplus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn modules_are_known_by_name_whatever_their_packing() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "a.wasm",
            "b.wasm.gz",
            "c.wasm.zst.0",
            "c.wasm.zst.1",
            "d-2.x.wasm.0",
            "a.settings.yaml",
            "a.examples.yaml",
            "not a name.wasm",
            "e.wasm.bak",
            ".wasm",
            "README",
        ] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let found = names(folder.path()).unwrap();
        assert_eq!(found, set(&["a", "b", "c", "d-2.x"]));
        assert_eq!(names(Path::new("/nowhere/at/all")).unwrap(), set(&[]));
    }

    #[test]
    fn what_is_there_comes_before_what_was_and_more_is_told() {
        let (present, former) = (set(&["b", "d"]), set(&["a", "b", "c"]));
        let (allowed_, surplus) = allowed(&present, &former, 3);
        assert_eq!((allowed_, surplus.len()), (set(&["a", "b", "d"]), 0));
        let (allowed_, surplus) = allowed(&set(&["a", "b", "c"]), &former, 2);
        assert_eq!(
            (allowed_, surplus),
            (set(&["a", "b"]), vec!["c".to_owned()])
        );
    }

    #[test]
    fn a_module_too_many_displaces_none_that_is_in_charge() {
        let former = set(&["b", "c"]);
        let (allowed, surplus) = allowed(&set(&["a", "b", "c"]), &former, 2);
        assert_eq!((allowed, surplus), (former, vec!["a".to_owned()]));
    }
}
