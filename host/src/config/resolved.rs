//! What a configuration comes to: names are indexes, and what is left out is filled in. Lanes are given
//! parts of it; nothing else reads what the user wrote.

use std::path::PathBuf;

use super::Team;
use crate::filter;
use crate::filter::quarantine::notice::Notices;
use crate::filter::settings::Settings;
use crate::record::columns::RouteId;
use crate::route::Table;
use crate::sink;

/// A filter with its names turned into indexes.
#[derive(Debug, Clone)]
pub struct ResolvedFilter {
    pub name: String,
    pub module: PathBuf,
    pub settings: Settings,
    pub config: filter::FilterConfig,
    pub limits: filter::limits::Limits,
    pub routes: Vec<(String, RouteId)>,
}

/// What the agent runs.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub table: Table,
    /// In the order in which chains index them.
    pub filters: Vec<ResolvedFilter>,
    /// Who may ship further ones.
    pub teams: Vec<Team>,
    /// Who is told of records in quarantine.
    pub notices: Option<Notices>,
    pub destinations: Vec<(String, sink::Destination)>,
    /// Routes index these behind the destinations.
    pub written: Vec<Written>,
}

/// A destination whose records a route has written in another format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which of the destinations sends them.
    pub of: usize,
    pub destination: sink::Destination,
}

impl Resolved {
    /// The name of a destination as routes index it.
    #[must_use]
    pub fn destination_name(&self, at: usize) -> &str {
        let behind = at.checked_sub(self.destinations.len());
        let of = behind.and_then(|at| self.written.get(at)).map(|w| w.of);
        let named = self.destinations.get(of.unwrap_or(at));
        named.map_or("", |(name, _)| name)
    }
}
