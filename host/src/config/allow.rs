//! Turns what annotations may do into indexes of filters and destinations. A name or pattern that fits
//! nothing is a mistake, and is refused.

use super::{Config, Error};
use crate::record::Globs;
use crate::route::annotations::Allow;

impl Config {
    pub(super) fn allow(&self, destinations: &[String]) -> Result<Vec<Allow>, Error> {
        let filters: Vec<String> = self.filters.modules.keys().cloned().collect();
        let one = |(index, config): (usize, &crate::route::annotations::AllowConfig)| {
            let (own, of_teams) = self.by_owner(index + 1, config.filters.as_ref())?;
            Ok(Allow {
                namespace: config.namespace.clone(),
                filters: named(index + 1, "filters", own.as_ref(), &filters)?,
                shipped: of_teams,
                destinations: named(index + 1, "routes", config.routes.as_ref(), destinations)?,
                exclude: config.exclude,
                unknown_pod: config.unknown_pod.unwrap_or(self.annotations.unknown_pod),
            })
        };
        self.annotations.allow.iter().enumerate().map(one).collect()
    }
}

impl Config {
    /// Patterns of the operator's own filters, and of those that teams ship, `TEAM/PATTERN`.
    fn by_owner(
        &self,
        number: usize,
        filters: Option<&Globs>,
    ) -> Result<(Option<Globs>, Option<Globs>), Error> {
        let all = filters.into_iter().flat_map(Globs::each);
        let (of_teams, own): (Vec<&str>, Vec<&str>) = all.partition(|glob| glob.contains('/'));
        for pattern in &of_teams {
            let team = pattern.split('/').next().unwrap_or_default();
            if !self.filters.teams.contains_key(team) {
                let teams = self.filters.teams.keys();
                return Err(Error::Allow {
                    number,
                    key: "filters",
                    pattern: (*pattern).to_owned(),
                    known: teams.map(|team| format!("{team}/*")).collect(),
                });
            }
        }
        let globs = |all: Vec<&str>| {
            let all: Vec<String> = all.into_iter().map(str::to_owned).collect();
            (!all.is_empty()).then_some(Globs::Many(all))
        };
        Ok((globs(own), globs(of_teams)))
    }
}

/// Those of `known` that a pattern names, with their indexes.
fn named(
    number: usize,
    key: &'static str,
    wanted: Option<&Globs>,
    known: &[String],
) -> Result<Vec<(String, usize)>, Error> {
    let Some(wanted) = wanted else {
        return Ok(Vec::new());
    };
    for pattern in wanted.each() {
        let one = Globs::One(pattern.to_owned());
        if pattern != "*" && !known.iter().any(|k| one.matches(k)) {
            return Err(Error::Allow {
                number,
                key,
                pattern: pattern.to_owned(),
                known: known.to_vec(),
            });
        }
    }
    let all = known.iter().enumerate();
    let fits = all.filter(|(_, name)| wanted.matches(name));
    Ok(fits.map(|(index, name)| (name.clone(), index)).collect())
}
