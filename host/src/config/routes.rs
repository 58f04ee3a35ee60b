//! Turns the names in routes into indexes of filters and destinations. A destination that a route has
//! written in another format is one more destination.

use bytesize::ByteSize;

use super::{Config, Error, Place, Written, find};
use crate::route::{self, Route};
use crate::sink;

/// Shorter records than these are no records.
const RECORD_BYTES_LEAST: ByteSize = ByteSize::kib(16);
/// A slower container would never catch up with anything.
const BYTES_PER_SECOND_LEAST: ByteSize = ByteSize::kib(1);

impl Config {
    /// All routes, and the destinations that they have written in other formats: these are indexed
    /// behind the named ones.
    pub(super) fn routes(
        &self,
        destinations: &[String],
    ) -> Result<(Vec<Route>, Vec<Written>), Error> {
        let mut written = Vec::new();
        let mut routes = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            routes.push(self.route(index + 1, route, destinations, &mut written)?);
        }
        Ok((routes, written))
    }

    fn route(
        &self,
        number: usize,
        route: &route::RouteConfig<sink::Format>,
        destinations: &[String],
        written: &mut Vec<Written>,
    ) -> Result<Route, Error> {
        let known: Vec<String> = self.filters.modules.keys().cloned().collect();
        let index = |name: &String| {
            let found = known.iter().position(|k| k == name);
            found.ok_or_else(|| Error::Filter {
                number,
                name: name.clone(),
                known: known.clone(),
            })
        };
        if route.also && (route.exclude || !route.filters.is_empty()) {
            return Err(Error::Also { number });
        }
        let chain = route.filters.iter().map(index).collect::<Result<_, _>>()?;
        let destination = match (&route.destination, route.exclude) {
            (Some(_), true) => return Err(Error::Excluded { number }),
            (None, true) => None,
            (Some(name), false) => Some(find(&Place::route(number), name, destinations)?),
            // With one destination there is nothing to choose.
            (None, false) if destinations.len() == 1 => Some(0),
            (None, false) => {
                let known = destinations.to_vec();
                return Err(Error::NoDestination { number, known });
            }
        };
        limits(number, route)?;
        Ok(Route {
            matching: route.matching.clone(),
            chain,
            destination: self.in_format(number, route, destination, written)?,
            also: route.also,
            limits: route.limits,
        })
    }

    /// The destination as this route has it written.
    fn in_format(
        &self,
        number: usize,
        route: &route::RouteConfig<sink::Format>,
        destination: Option<usize>,
        written: &mut Vec<Written>,
    ) -> Result<Option<usize>, Error> {
        let Some(format) = &route.format else {
            return Ok(destination);
        };
        let Some(of) = destination else {
            let key = "format";
            return Err(Error::NotRead { number, key });
        };
        let named = self.destinations.iter().nth(of);
        let other = named.and_then(|(_, destination)| destination.written_as(format));
        let Some(destination) = other else {
            let name = named.map(|(name, _)| name.clone()).unwrap_or_default();
            return Err(Error::Format { number, name });
        };
        let same = Written { of, destination };
        let at = written.iter().position(|known| *known == same);
        let at = at.unwrap_or_else(|| {
            written.push(same);
            written.len() - 1
        });
        Ok(Some(self.destinations.len() + at))
    }
}

/// Whether a route's limits are any, and limit anything.
fn limits(number: usize, route: &route::RouteConfig<sink::Format>) -> Result<(), Error> {
    let limits = route.limits;
    if limits != route::Limits::default() && (route.exclude || route.also) {
        let key = "limits";
        return Err(Error::NotRead { number, key });
    }
    let all = [
        (
            "bytes_per_second",
            limits.bytes_per_second,
            BYTES_PER_SECOND_LEAST,
        ),
        (
            "record_bytes_max",
            limits.record_bytes_max,
            RECORD_BYTES_LEAST,
        ),
    ];
    for (key, value, least) in all {
        if let Some(value) = value.filter(|v| *v < least) {
            return Err(Error::RouteLimit {
                number,
                key,
                value,
                least,
            });
        }
    }
    Ok(())
}
