//! Changes the fields of JSON records: flattens objects inside, renames, removes and adds.
//!
//! Values keep their text, so no number is rounded, and fields their order. A record that is no JSON
//! object is left alone.

mod json;
mod settings;

use logsieve_filter::{Filter, Record, export_filter};

use json::Field;
pub use settings::Settings;

/// The filter.
pub struct Fields {
    settings: Settings,
    /// What is added, as JSON.
    added: Vec<Field>,
}

impl Fields {
    /// Takes the operator's settings.
    ///
    /// # Errors
    /// Names the setting that cannot be followed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        let added = settings.add.iter().map(|(name, value)| Field {
            name: name.clone(),
            value: value.to_string(),
        });
        Ok(Self {
            added: added.collect(),
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
        out.retain(|field| !self.settings.remove.contains(&field.name));
        changed |= out.len() < before;
        for field in &mut out {
            if let Some(name) = self.settings.rename.get(&field.name) {
                field.name.clone_from(name);
                changed = true;
            }
        }
        for added in &self.added {
            // What the record says itself is better known than what is said of all.
            if !out.iter().any(|field| field.name == added.name) {
                out.push(added.clone());
                changed = true;
            }
        }
        changed.then_some(out)
    }
}

impl Filter for Fields {
    fn record(&mut self, record: &mut Record<'_>) {
        let Some(fields) = json::fields(record.text()) else {
            return;
        };
        if let Some(fields) = self.changed(fields) {
            record.replace(json::write(&fields));
        }
    }
}

export_filter!(Fields, Fields::new);

#[cfg(test)]
mod tests;
