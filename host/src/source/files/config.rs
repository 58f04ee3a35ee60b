//! What `logsieve.yaml` says about plain files: groups by name, each with patterns of paths, and what their
//! lines do not tell themselves (the zone of their times).

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::pattern::Pattern;
use crate::source::container_log::Start;

/// Groups by name.
pub type Config = BTreeMap<String, Group>;

/// Files that are read alike.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Paths that are written to; their rotated files are found by themselves.
    pub include: Vec<Pattern>,
    /// Paths that are left out again.
    #[serde(default)]
    pub exclude: Vec<Pattern>,
    /// Where reading starts of what is there when the group is new in the configuration.
    #[serde(default)]
    pub start: Start,
    /// The zone of times that name none.
    #[serde(default)]
    pub zone: Zone,
    /// Most files that are followed, rotated ones apart; more are left out, and that is said.
    #[serde(default = "files_max")]
    pub files_max: usize,
}

fn files_max() -> usize {
    100
}

/// Minutes east of UTC: `UTC`, `+02:00`, `-0330`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zone(pub i16);

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("utc") || text == "Z" {
            return Ok(Self(0));
        }
        let wrong = || format!("`{text}` is neither `UTC` nor an offset like `+02:00`");
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", digits)) => (1, digits),
            Some(("-", digits)) => (-1, digits),
            _ => return Err(wrong()),
        };
        let digits = digits.replace(':', "");
        let is_offset = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
        let all: i16 = digits
            .parse()
            .ok()
            .filter(|_| is_offset)
            .ok_or_else(wrong)?;
        let (hours, minutes) = (all / 100, all % 100);
        if hours > 14 || minutes > 59 {
            return Err(wrong());
        }
        Ok(Self(sign * (hours * 60 + minutes)))
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_utc_or_an_offset() {
        for (text, minutes) in [("UTC", 0), ("+02:00", 120), ("-0330", -210)] {
            assert_eq!(text.parse(), Ok(Zone(minutes)), "{text}");
        }
        for wrong in [
            "",
            "Europe/Berlin",
            "02:00",
            "+2",
            "+15:00",
            "+00:60",
            "+é0",
        ] {
            assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
        }
    }
}
