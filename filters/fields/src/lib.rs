//! Changes the fields of JSON records: flattens objects inside, removes, renames, copies, sets and adds.
//!
//! Values keep their text, so no number is rounded, and fields their order. A record that is no JSON
//! object is left alone.

mod json;
mod settings;

use common::Rules;
use logsieve_filter::{Batch, Filter, Unjudged, export_filter};

use json::Field;
pub use settings::Settings;

/// The filter.
pub struct Fields {
    settings: Settings,
    /// Whose fields are changed; none: every record's.
    of: Option<Rules>,
    /// What is set and what is added, as JSON.
    set: Vec<Field>,
    added: Vec<Field>,
}

impl Fields {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let of = settings.of.as_ref().map(|of| Rules::new("of", of));
        Ok(Self {
            of: of.transpose()?,
            set: json::of(&settings.set),
            added: json::of(&settings.add),
            settings,
        })
    }

    /// The record's fields as they are to be; none where nothing changes.
    fn changed(&self, fields: Vec<Field>) -> Option<Vec<Field>> {
        let mut changed = false;
        let mut out = Vec::with_capacity(fields.len());
        for field in fields {
            match &self.settings.flatten {
                Some(separator) if json::is_object(&field.value) => {
                    changed = true;
                    json::flatten(field, separator, self.settings.depth_max, &mut out);
                }
                _ => out.push(field),
            }
        }
        let before = out.len();
        let remove = &self.settings.remove;
        out.retain(|field| !remove.iter().any(|name| json::is_named(&field.name, name)));
        changed |= out.len() < before;
        for (from, to) in &self.settings.rename {
            // Of two fields of one name nobody knows which is meant.
            if let (Some(at), None) = (json::find(&out, from), json::find(&out, to)) {
                out[at].name.clone_from(to);
                changed = true;
            }
        }
        for (from, to) in &self.settings.copy {
            if let (Some(at), None) = (json::find(&out, from), json::find(&out, to)) {
                let (name, value) = (to.clone(), out[at].value.clone());
                out.push(Field { name, value });
                changed = true;
            }
        }
        for set in &self.set {
            match json::find(&out, &set.name) {
                Some(at) => out[at].value.clone_from(&set.value),
                None => out.push(set.clone()),
            }
            changed = true;
        }
        for added in &self.added {
            // What the record says itself is better known than what is said of all.
            if json::find(&out, &added.name).is_none() {
                out.push(added.clone());
                changed = true;
            }
        }
        changed.then_some(out)
    }
}

impl Filter for Fields {
    fn batch(&mut self, batch: &mut Batch<'_>) -> Result<(), Unjudged> {
        let mut of = self.of.as_ref().map(|of| of.over(batch));
        for at in 0..batch.len() {
            let mut record = batch.record(at);
            if of.as_mut().is_some_and(|of| !of.name(at, &record)) {
                continue;
            }
            let fields = json::fields(record.text());
            if let Some(fields) = fields.and_then(|fields| self.changed(fields)) {
                record.replace(json::write(&fields));
            }
        }
        Ok(())
    }
}

export_filter!(Fields, Fields::new);

#[cfg(test)]
mod tests;
