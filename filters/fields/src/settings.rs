//! What the operator may set; README.md shows it from the operator's side.
//! Settings that would change nothing are refused.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The settings of `fields`, in the order in which they are followed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What stands between the names of an object's field and of the object: `.` makes `a.b` of b in a.
    pub flatten: Option<String>,
    /// Objects further in than so many are left whole.
    pub depth_max: usize,
    /// Fields that go; `tmp_*` are all whose names begin so.
    pub remove: Vec<String>,
    /// Former name: new name. Not where the record has a field of the new name.
    pub rename: BTreeMap<String, String>,
    /// Name: name of the copy. Not where the record has a field of that name.
    pub copy: BTreeMap<String, String>,
    /// Fields that every record gets, whatever it says itself.
    pub set: BTreeMap<String, serde_json::Value>,
    /// Fields that every record gets which has none of that name.
    pub add: BTreeMap<String, serde_json::Value>,
    /// Only of these records; left out: of all.
    pub of: Option<common::List>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flatten: None,
            depth_max: 8,
            remove: Vec::new(),
            rename: BTreeMap::new(),
            copy: BTreeMap::new(),
            set: BTreeMap::new(),
            add: BTreeMap::new(),
            of: None,
        }
    }
}

impl Settings {
    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        let nothing = self.flatten.is_none()
            && self.remove.is_empty()
            && self.rename.is_empty()
            && self.copy.is_empty()
            && self.set.is_empty()
            && self.add.is_empty();
        if nothing {
            return Err(
                "no `flatten`, `remove`, `rename`, `copy`, `set` or `add`: nothing would be changed"
                    .into(),
            );
        }
        if self.of.as_ref().is_some_and(common::List::is_empty) {
            return Err("`of` names no record: nothing would be changed".into());
        }
        let both = self
            .remove
            .iter()
            .find(|name| self.rename.contains_key(*name));
        match both {
            Some(name) => Err(format!("`{name}` is in `remove` and in `rename`")),
            None => Ok(()),
        }
    }
}
