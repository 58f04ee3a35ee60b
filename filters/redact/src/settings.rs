//! What the operator may set. README.md shows it from the operator's side.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The settings of `redact`. All may be left out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which of the built-in kinds are masked. Default: all.
    #[serde(deserialize_with = "kinds")]
    pub kinds: Kinds,
    /// What stands in place of what is masked.
    pub mask: Mask,
    /// Leaves the last four digits of a card number, for support to tell cards apart.
    pub card_keeps_last_four: bool,
    /// Own patterns, by name: the name stands in the token.
    pub patterns: BTreeMap<String, String>,
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

/// The built-in kinds that are looked for.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "they are named as in the settings")]
pub struct Kinds {
    pub card: bool,
    pub email: bool,
    pub aws_key: bool,
    pub bearer: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let kinds = Kinds {
            card: true,
            email: true,
            aws_key: true,
            bearer: true,
        };
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
        let Kinds {
            card,
            email,
            aws_key,
            bearer,
        } = self.kinds;
        if !(card || email || aws_key || bearer) && self.patterns.is_empty() {
            return Err(
                "`kinds` is empty and there are no `patterns`: nothing would be masked".into(),
            );
        }
        if self.card_keeps_last_four && !card {
            return Err("`card_keeps_last_four` is set, but `kinds` leaves `card` out".into());
        }
        let good = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        match self.patterns.keys().find(|name| !good(name)) {
            Some(name) => Err(format!(
                "`patterns`: `{name}` is no name: letters, digits, `_` and `-` are"
            )),
            None => Ok(()),
        }
    }
}

/// Reads the list of kinds. An unknown one is refused by name.
fn kinds<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Kinds, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Name {
        Card,
        Email,
        AwsKey,
        Bearer,
    }
    let mut kinds = Kinds {
        card: false,
        email: false,
        aws_key: false,
        bearer: false,
    };
    for name in Vec::<Name>::deserialize(input)? {
        match name {
            Name::Card => kinds.card = true,
            Name::Email => kinds.email = true,
            Name::AwsKey => kinds.aws_key = true,
            Name::Bearer => kinds.bearer = true,
        }
    }
    Ok(kinds)
}
