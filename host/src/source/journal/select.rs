//! Which entries are read, and which of their fields are told: by the names that journald gives them, and
//! the names that filters, routes and templates know them by.

use serde::Deserialize;

use crate::record::Globs;

/// Fields that are told whatever is chosen, as journald and as filters name them. Each has few values on
/// a node: records whose told fields differ do not share a batch.
const TOLD: [(&str, &str); 7] = [
    ("_SYSTEMD_UNIT", UNIT),
    ("SYSLOG_IDENTIFIER", IDENTIFIER),
    ("PRIORITY", LEVEL),
    ("_TRANSPORT", TRANSPORT),
    ("_HOSTNAME", "host.name"),
    ("_BOOT_ID", BOOT),
    ("_MACHINE_ID", "systemd.machine_id"),
];
pub const UNIT: &str = "systemd.unit";
pub const IDENTIFIER: &str = "syslog.identifier";
pub const LEVEL: &str = "log.level";
pub const TRANSPORT: &str = "journal.transport";
pub const BOOT: &str = "systemd.boot_id";

/// The names of syslog's priorities, the most urgent first.
pub const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// The name of a priority, which journald writes as a digit.
#[must_use]
pub fn level(priority: &str) -> Option<&'static str> {
    let number = priority.parse::<usize>().ok()?;
    LEVELS.get(number).copied()
}

/// A level, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Emerg,
    Alert,
    Crit,
    Err,
    Warning,
    Notice,
    Info,
    Debug,
}

/// Whose entries are read; a key that is not given takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Select {
    /// Units by name or pattern.
    pub units: Option<Globs>,
    /// Identifiers of syslog by name or pattern.
    pub identifiers: Option<Globs>,
    /// `kernel`, `journal`, `stdout`, `syslog`, `audit` or `driver`.
    pub transports: Option<Globs>,
    /// This level and those that are more urgent. Entries without a level are read.
    pub level: Option<Level>,
    /// Boots by the id that journald gives them.
    pub boots: Option<Globs>,
}

impl Select {
    /// Whether entries with these facts are read.
    #[must_use]
    pub fn takes<'a>(&self, fact: impl Fn(&str) -> Option<&'a str>) -> bool {
        let fits = |globs: &Option<Globs>, name: &str| {
            let is = |globs: &Globs| fact(name).is_some_and(|value| globs.matches(value));
            globs.as_ref().is_none_or(is)
        };
        let urgent = |least: Level| {
            let level = LEVELS.iter().position(|l| fact(LEVEL) == Some(l));
            level.is_none_or(|level| level <= least as usize)
        };
        fits(&self.units, UNIT)
            && fits(&self.identifiers, IDENTIFIER)
            && fits(&self.transports, TRANSPORT)
            && fits(&self.boots, BOOT)
            && self.level.is_none_or(urgent)
    }
}

/// Which fields are told, and by which names.
#[derive(Debug, Clone)]
pub struct Fields {
    more: Globs,
}

impl Fields {
    /// Those that are always told, and `more`.
    #[must_use]
    pub fn new(more: Globs) -> Self {
        Self { more }
    }

    /// What a field is called as a fact; none if it is not told. `CODE_FILE` is `journal.code_file`.
    #[must_use]
    pub fn fact(&self, field: &[u8]) -> Option<String> {
        let field = std::str::from_utf8(field).ok()?;
        if let Some((_, fact)) = TOLD.iter().find(|(name, _)| *name == field) {
            return Some((*fact).to_owned());
        }
        let name = field.trim_start_matches('_').to_ascii_lowercase();
        self.more.matches(field).then(|| format!("journal.{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key chooses by its own fact, and an entry that lacks the fact is not meant; but one without
    /// a level is read.
    #[test]
    fn each_key_chooses_by_its_own_fact() {
        let entry = [
            (UNIT, "kubelet.service"),
            (IDENTIFIER, "kubelet"),
            (TRANSPORT, "stdout"),
            (BOOT, "0123"),
            (LEVEL, "info"),
        ];
        let fact = |name: &str| entry.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        for (select, takes, takes_bare) in [
            ("{}", true, true),
            ("{ units: 'kube*' }", true, false),
            ("{ units: sshd.service }", false, false),
            ("{ identifiers: [sshd, kubelet] }", true, false),
            ("{ identifiers: sshd }", false, false),
            ("{ transports: [kernel, stdout] }", true, false),
            ("{ transports: kernel }", false, false),
            ("{ boots: '0123' }", true, false),
            ("{ boots: '4567' }", false, false),
            ("{ level: info }", true, true),
            ("{ level: notice }", false, true),
            ("{ units: 'kube*', transports: kernel }", false, false),
        ] {
            let parsed: Select = serde_saphyr::from_str(select).unwrap();
            assert_eq!(parsed.takes(fact), takes, "{select}");
            assert_eq!(parsed.takes(|_| None), takes_bare, "{select}");
        }
    }
}
