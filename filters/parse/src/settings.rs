//! What the operator may set; README.md shows it from the operator's side.
//! Settings that mean nothing are refused.

use serde::Deserialize;

/// The settings of `parse`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Forms, tried in order.
    pub forms: Vec<Form>,
    /// What becomes of a record that none fits.
    pub otherwise: Otherwise,
    /// A field for the record's whole text, beside what was parsed.
    pub keep: Option<String>,
    /// Groups of regular expressions that are numbers.
    pub numbers: Vec<String>,
    /// Gives records the time that a field says.
    pub time: Option<Time>,
}

/// A field with the time at which a record was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// The field's name; a JSON object that no form has parsed may have it too.
    pub field: String,
    /// `rfc3339`, `unix`, `unix_ms`, or letters as `strftime` has them.
    #[serde(default = "rfc3339")]
    pub format: String,
    /// Where the clock of a time that names no zone is: `+02:00`.
    #[serde(default)]
    pub offset: Option<String>,
}

fn rfc3339() -> String {
    "rfc3339".into()
}

/// One form of a line.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `level=info msg="a b"`
    Logfmt,
    /// Access logs in the common or the combined format.
    Access,
    /// A JSON object whose field holds another object as text, which is lifted.
    Nested(String),
    /// A regular expression with named groups.
    Regex(String),
}

/// What becomes of what no form fits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It stays as it is.
    #[default]
    Pass,
    /// It is not forwarded.
    Drop,
    /// It becomes an object with the text in this field.
    Wrap(String),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            forms: vec![Form::Access, Form::Logfmt],
            otherwise: Otherwise::default(),
            keep: None,
            numbers: Vec::new(),
            time: None,
        }
    }
}
