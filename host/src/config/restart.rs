//! Which keys of a new configuration need a restart to come into force.
//!
//! Filters, destinations and routes change in the running agent. The rest was handed out when it
//! started, to threads and sockets; such keys stay as they were, and are named.

use super::Config;
use crate::filter::quarantine;

/// Keeps the running values, and remembers the keys whose new value is another.
struct Keep(Vec<&'static str>);

impl Keep {
    fn key<T: PartialEq + Clone>(&mut self, name: &'static str, new: &mut T, running: &T) {
        if new != running {
            self.0.push(name);
            new.clone_from(running);
        }
    }
}

impl Config {
    /// Takes from the running configuration what cannot change while it runs. Says which keys would
    /// have changed.
    pub fn keep_what_needs_a_restart(&mut self, running: &Self) -> Vec<&'static str> {
        // Named one by one: a new key is to be thought about here.
        let Self {
            state,
            lanes,
            budget,
            drain,
            source,
            enrich,
            filters,
            destinations: _,
            routes: _,
            annotations: _,
            telemetry,
        } = self;
        let mut keep = Keep(Vec::new());
        keep.key("state", state, &running.state);
        keep.key("lanes", lanes, &running.lanes);
        keep.key("budget", budget, &running.budget);
        keep.key("drain", drain, &running.drain);
        keep.key("source", source, &running.source);
        keep.key("enrich", enrich, &running.enrich);
        keep.key(
            "filters.compiled_bytes_max",
            &mut filters.compiled_bytes_max,
            &running.filters.compiled_bytes_max,
        );
        // Who is told of quarantine changes with the filters.
        let notices = filters.quarantine.notices.take();
        let running_quarantine = quarantine::Config {
            notices: None,
            ..running.filters.quarantine
        };
        keep.key(
            "filters.quarantine",
            &mut filters.quarantine,
            &running_quarantine,
        );
        filters.quarantine.notices = notices;
        keep.key("telemetry", telemetry, &running.telemetry);
        keep.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(text).unwrap()
    }

    #[test]
    fn what_needs_a_restart_is_named_and_stays() {
        let running = config("lanes: 2");
        let mut new = config(
            "{ lanes: 3, budget: 64MiB, telemetry: { listen: null }, filters: { hold_idle: 2s } }",
        );
        let named = new.keep_what_needs_a_restart(&running);
        assert_eq!(named, ["lanes", "budget", "telemetry"]);
        assert_eq!((new.lanes, new.budget), (running.lanes, running.budget));
        assert_eq!(new.telemetry, running.telemetry);
        assert_ne!(new.filters, running.filters, "filters change at once");
    }
}
