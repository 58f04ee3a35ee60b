//! Where a filter's settings come from: from the operator's configuration, or from the file beside its
//! module, where a team ships both.

use serde_json::{Map, Value};

use super::module::find::Found;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// These, as JSON.
    Given(String),
    /// `NAME.settings.yaml` beside the module; none where there is no such file.
    Beside,
}

impl From<&str> for Settings {
    fn from(json: &str) -> Self {
        Self::Given(json.to_owned())
    }
}

impl Settings {
    /// The settings for a module, as JSON.
    ///
    /// # Errors
    /// When the file beside it is no YAML mapping: in the parser's own words.
    pub fn of(&self, found: &Found) -> Result<String, String> {
        match (self, &found.settings) {
            (Self::Given(settings), _) => Ok(settings.clone()),
            (Self::Beside, None) => Ok("{}".to_owned()),
            (Self::Beside, Some(text)) => json(text),
        }
    }

    /// Those that stand where the module is gone: the given ones, else those it was in charge with.
    #[must_use]
    pub fn or(&self, former: &str) -> String {
        match self {
            Self::Given(settings) => settings.clone(),
            Self::Beside => former.to_owned(),
        }
    }
}

/// A file of settings as the filter gets it.
///
/// # Errors
/// When it is no YAML mapping: in the parser's own words.
pub fn json(yaml: &str) -> Result<String, String> {
    mapping(yaml).map(|map| Value::from(map).to_string())
}

/// The same, to be looked into.
///
/// # Errors
/// As [`json`].
pub fn mapping(yaml: &str) -> Result<Map<String, Value>, String> {
    serde_saphyr::from_str(yaml).map_err(|error| in_words(&error))
}

/// What is wrong with a YAML text: line, column and the lines around it.
#[must_use]
pub fn in_words(error: &serde_saphyr::Error) -> String {
    let words = error.to_string();
    // Whoever tells it has said that it is an error.
    words.strip_prefix("error: ").unwrap_or(&words).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_beside_a_module_become_json_and_a_mistake_names_its_line() {
        let mut found = Found {
            path: "f.wasm".into(),
            bytes: Vec::new(),
            hash: String::new(),
            examples: None,
            settings: Some("cards: true\nkeep: [1, 2]\n".into()),
        };
        let beside = Settings::Beside.of(&found).unwrap();
        assert_eq!(beside, r#"{"cards":true,"keep":[1,2]}"#);
        let given = Settings::from("{}");
        assert_eq!(given.of(&found).unwrap(), "{}");
        found.settings = Some("cards: true\n- no map\n".into());
        let error = Settings::Beside.of(&found).unwrap_err();
        assert!(error.starts_with("line 2"), "{error}");
        found.settings = None;
        assert_eq!(Settings::Beside.of(&found).unwrap(), "{}");
    }
}
