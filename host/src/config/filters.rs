//! Turns filters into what lanes can run: their modules' names, their limits below the ceilings, the
//! destinations that they may choose.

use super::{Config, Error, Place, ResolvedFilter, find};
use crate::filter::quarantine::notice::Notices;
use crate::filter::settings::Settings;
use crate::filter::{FilterConfig, limits};
use crate::record::columns::RouteId;

impl Config {
    pub(super) fn resolved_filters(
        &self,
        destinations: &[String],
    ) -> Result<Vec<ResolvedFilter>, Error> {
        let one = |(name, config): (&String, &FilterConfig)| {
            pin(name, config.sha256.as_deref())?;
            let module = config.module.clone();
            Ok(ResolvedFilter {
                limits: self.limits_of(&config.limits, |key| Place::of_filter(name, key))?,
                name: name.clone(),
                settings: Settings::Given(json(&config.settings)),
                module: module.unwrap_or_else(|| format!("{name}.wasm").into()),
                config: config.clone(),
                routes: choices(
                    &Place::of_filter(name, "routes"),
                    &config.routes,
                    destinations,
                )?,
            })
        };
        self.filters.modules.iter().map(one).collect()
    }

    /// Who is told of records in quarantine.
    pub(super) fn notices(&self, destinations: &[String]) -> Result<Option<Notices>, Error> {
        let Some(config) = &self.filters.quarantine.notices else {
            return Ok(None);
        };
        let place = Place::of_quarantine("notices").below("destination");
        Ok(Some(Notices {
            to: route_id(&place, &config.destination, destinations)?,
            include_text: config.include_text,
        }))
    }

    pub(super) fn limits_of(
        &self,
        given: &limits::Given,
        place: impl Fn(&str) -> Place,
    ) -> Result<limits::Limits, Error> {
        let all = self.filters.limits.over(&limits::Limits::default());
        let limits = given.over(&all);
        match self.filters.ceilings.passed_by(&limits) {
            Some(passed) => Err(Error::Ceiling {
                place: place("limits").below(passed.name),
                passed,
            }),
            None => Ok(limits),
        }
    }
}

fn json(settings: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::Value::from(settings.clone()).to_string()
}

/// Destinations that a filter may choose, by name.
pub fn choices(
    place: &Place,
    names: &[String],
    destinations: &[String],
) -> Result<Vec<(String, RouteId)>, Error> {
    let choice = |to: &String| {
        let route = route_id(place, to, destinations)?;
        Ok((to.clone(), route))
    };
    names.iter().map(choice).collect()
}

fn route_id(place: &Place, name: &str, destinations: &[String]) -> Result<RouteId, Error> {
    let index = find(place, name, destinations)?;
    Ok(RouteId::try_from(index).unwrap_or(RouteId::MAX))
}

fn pin(name: &str, sha256: Option<&str>) -> Result<(), Error> {
    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    match sha256 {
        Some(pin) if pin.len() != 64 || !pin.bytes().all(digit) => Err(Error::Pin {
            name: name.to_owned(),
            found: pin.to_owned(),
        }),
        _ => Ok(()),
    }
}
