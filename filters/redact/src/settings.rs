//! What the operator may set; README.md shows it from the operator's side. Settings that would mask
//! nothing are refused: a redaction that silently does not run is worse than none.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The settings of `redact`. All may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which of the built-in kinds are masked. Default: all.
    pub kinds: Vec<BuiltIn>,
    /// What stands in place of what is masked.
    pub mask: Mask,
    /// Leaves the last four digits of a card number, for support to tell cards apart.
    pub card_keeps_last_four: bool,
    /// Own patterns, by name: the name stands in the token.
    pub patterns: BTreeMap<String, String>,
}

/// What is known without a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "README.md says what each is")]
pub enum BuiltIn {
    Card,
    Email,
    AwsKey,
    Bearer,
}

/// What stands in place of what is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mask {
    /// A star for each byte, so columns stay where they are.
    Stars,
    /// The kind's name in brackets: `[card]`.
    Token,
}

impl Default for Settings {
    fn default() -> Self {
        let kinds = vec![
            BuiltIn::Card,
            BuiltIn::Email,
            BuiltIn::AwsKey,
            BuiltIn::Bearer,
        ];
        Self {
            kinds,
            mask: Mask::Stars,
            card_keeps_last_four: false,
            patterns: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Refuses settings that mean nothing.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.kinds.is_empty() && self.patterns.is_empty() {
            return Err(
                "`kinds` is empty and there are no `patterns`: nothing would be masked".into(),
            );
        }
        if self.card_keeps_last_four && !self.kinds.contains(&BuiltIn::Card) {
            return Err("`card_keeps_last_four` is set, but `kinds` leaves `card` out".into());
        }
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            !name.is_empty()
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        match self.patterns.keys().find(|name| !is_name(name)) {
            Some(name) => Err(format!(
                "`patterns`: `{name}` is no name: letters, digits, `_` and `-` are"
            )),
            None => Ok(()),
        }
    }
}
