//! The operator's settings, read into the author's struct.
//!
//! They come as JSON, which the operator wrote as YAML: so an error names the key, by its path, and
//! not a line and column that nobody has seen.

use serde::de::DeserializeOwned;

use crate::json::{self, Error};

/// Reads settings. The error names the key that is wrong.
pub(crate) fn parse<S: DeserializeOwned>(json: &str) -> Result<S, String> {
    json::read(json).map_err(|Error { path, cause }| match path.as_str() {
        "" => format!("settings: {cause}"),
        path => format!("settings: `{path}`: {cause}"),
    })
}

/// For a filter without settings: refuses any.
pub(crate) fn refuse(json: &str) -> Result<(), String> {
    // No JSON reader for this: it would be most of a small module.
    let rest: String = json.split_ascii_whitespace().collect();
    match rest.as_str() {
        "" | "{}" | "null" => Ok(()),
        _ => Err("this filter has no settings: leave `settings` out".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Settings {
        limits: Limits,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self {
                limits: Limits { lines: 3 },
            }
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Limits {
        lines: u32,
    }

    #[test]
    fn settings_become_the_struct_of_the_author() {
        assert_eq!(
            parse::<Settings>(r#"{"limits": {"lines": 7}}"#)
                .unwrap()
                .limits
                .lines,
            7
        );
        assert_eq!(parse::<Settings>("{}").unwrap().limits.lines, 3);
    }

    #[test]
    fn a_setting_that_does_not_fit_is_named_by_its_path() {
        let error = parse::<Settings>(r#"{"limits": {"lines": "many"}}"#).unwrap_err();
        assert_eq!(
            error,
            "settings: `limits.lines`: invalid type: string `many`, expected u32"
        );
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = parse::<Settings>(r#"{"limit": {}}"#).unwrap_err();
        assert!(
            error.contains("unknown field `limit`, expected `limits`"),
            "{error}"
        );
    }

    #[test]
    fn a_filter_without_settings_refuses_any() {
        assert_eq!(refuse(" { } "), Ok(()));
        assert!(refuse(r#"{"a": 1}"#).is_err());
    }
}
