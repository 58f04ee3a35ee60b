//! Where each container goes, as routes of which the first that matches wins.
//!
//! Fluent Bit gives a record to every output that takes it, from every input that reads it. So all
//! that inputs take or leave out is cut into sets which lie within each other or apart, the narrow ones
//! first; each set gets all of its outputs, and `also: true` where a broader one that follows adds its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::matching::Matching;
use super::section::Note;

/// Sets, at most; more are made where many inputs overlap.
const SETS_MAX: usize = 300;
/// What Fluent Bit takes for true.
const TRUE: [&str; 9] = [
    "true", "True", "TRUE", "on", "On", "ON", "yes", "Yes", "YES",
];
const EXCLUDE: &str = "fluentbit.io/exclude";

/// What one output takes of one input's path.
pub struct Rule {
    /// By number.
    pub input: usize,
    pub matching: Matching,
    /// What the input leaves out.
    pub leaves: Vec<Matching>,
    /// The destination.
    pub to: String,
    /// Pods may leave themselves out.
    pub is_excludable: bool,
}

/// Containers, or plain files, that all go the same way.
struct Set {
    matching: Matching,
    to: Vec<String>,
    /// Where those go that leave themselves out by annotation.
    to_if_excluded: Vec<String>,
    /// Several inputs lead to one destination.
    is_repeated: bool,
}

impl Set {
    fn of(matching: Matching, rules: &[Rule]) -> Self {
        let within = |all: &[Matching]| all.iter().any(|m| matching.is_within(m));
        let (mut to, mut to_if_excluded) = (Vec::new(), Vec::new());
        let mut ways = BTreeMap::new();
        for rule in rules {
            if !matching.is_within(&rule.matching) || within(&rule.leaves) {
                continue;
            }
            if !to.contains(&rule.to) {
                to.push(rule.to.clone());
            }
            let inputs: &mut BTreeSet<usize> = ways.entry(&rule.to).or_default();
            inputs.insert(rule.input);
            if !rule.is_excludable && !to_if_excluded.contains(&rule.to) {
                to_if_excluded.push(rule.to.clone());
            }
        }
        Self {
            matching,
            is_repeated: ways.values().any(|inputs| inputs.len() > 1),
            to,
            to_if_excluded,
        }
    }
}

/// The routes of all rules. With files, everything that comes from containers says so.
pub fn routes(rules: &[Rule], with_files: bool, notes: &mut Vec<Note>) -> Vec<Value> {
    let sets = narrow_first(sets(rules, notes));
    for set in sets.iter().filter(|set| set.is_repeated) {
        let why =
            "several inputs read it for one output, which sent it as often; it is sent once now";
        notes.push(Note::fine("routes", set.matching.to_string(), why));
    }
    let mut writer = Writer {
        with_files,
        is_excluded: false,
        routes: Vec::new(),
    };
    let mut of_containers = rules.iter().filter(|r| !r.matching.is_file()).peekable();
    if of_containers.peek().is_some() && of_containers.all(|r| r.is_excludable) {
        writer.annotated(Map::new(), EXCLUDE, &[]);
        writer.is_excluded = true;
    }
    for (at, set) in sets.iter().enumerate() {
        let behind = &sets[at + 1..];
        let meets = |other: &&Set| !other.matching.is_apart(&set.matching);
        let behind: Vec<&Set> = behind.iter().filter(meets).collect();
        writer.set(set, &behind);
    }
    writer.routes
}

/// All that rules take or leave, and what any two of these share.
fn sets(rules: &[Rule], notes: &mut Vec<Note>) -> Vec<Set> {
    let mut all: Vec<Set> = Vec::new();
    let add = |all: &mut Vec<Set>, matching: &Matching| {
        let same =
            |set: &Set| set.matching.is_within(matching) && matching.is_within(&set.matching);
        if !all.iter().any(same) {
            all.push(Set::of(matching.clone(), rules));
        }
    };
    rules.iter().for_each(|rule| add(&mut all, &rule.matching));
    let left = rules.iter().flat_map(|rule| &rule.leaves);
    left.for_each(|matching| add(&mut all, matching));
    let mut at = 0;
    while at < all.len() {
        for other in 0..at {
            let (one, other) = (&all[at], &all[other]);
            let is_plain = one.matching.is_within(&other.matching)
                || other.matching.is_within(&one.matching)
                || one.matching.is_apart(&other.matching);
            if is_plain {
                continue;
            }
            match one.matching.and(&other.matching) {
                Some(both) if all.len() < SETS_MAX => add(&mut all, &both),
                _ if one.to == other.to => {}
                _ => {
                    let what = format!("{} / {}", other.matching, one.matching);
                    let why = "the two overlap as routes cannot tell: what fits both goes where the first \
                               of them goes, and not where the other does";
                    notes.push(Note::lost("routes", what, why));
                }
            }
        }
        at += 1;
    }
    all
}

/// Each set before those that it lies within, otherwise in their order.
fn narrow_first(mut sets: Vec<Set>) -> Vec<Set> {
    let mut sorted = Vec::new();
    while !sets.is_empty() {
        let is_narrowest = |set: &Set| {
            let mut others = sets.iter().filter(|o| !std::ptr::eq(*o, set));
            !others.any(|other| other.matching.is_within(&set.matching))
        };
        let at = sets.iter().position(is_narrowest).unwrap_or_default();
        sorted.push(sets.remove(at));
    }
    sorted
}

struct Writer {
    with_files: bool,
    /// A route before all others leaves out whoever asks for it.
    is_excluded: bool,
    routes: Vec<Value>,
}

impl Writer {
    /// `behind`: those that follow and may take some of it.
    fn set(&mut self, set: &Set, behind: &[&Set]) {
        let matching = set.matching.value(self.with_files);
        if set.to != set.to_if_excluded {
            if !self.is_excluded {
                self.annotated(matching.clone(), EXCLUDE, &set.to_if_excluded);
            }
            for name in set.matching.container_names() {
                let mut matching = matching.clone();
                matching.insert("container".into(), json!(name));
                let annotation = format!("{EXCLUDE}-{name}");
                self.annotated(matching, &annotation, &set.to_if_excluded);
            }
        }
        let falls_to = behind.first().filter(|next| {
            let is_within = |other: &&Set| set.matching.is_within(&other.matching);
            let adds_nothing = next.to.iter().all(|to| set.to.contains(to));
            adds_nothing && !next.to.is_empty() && behind.iter().all(is_within)
        });
        match falls_to {
            Some(next) => {
                let own = set.to.iter().filter(|to| !next.to.contains(to));
                own.for_each(|to| self.also(&matching, to));
            }
            None if set.to.is_empty() && behind.iter().all(|other| other.to.is_empty()) => {}
            None => self.last(&matching, &set.to),
        }
    }

    /// Those with an annotation go elsewhere, or nowhere.
    fn annotated(&mut self, mut matching: Map<String, Value>, annotation: &str, to: &[String]) {
        matching.insert("annotations".into(), json!({ annotation: TRUE }));
        self.last(&matching, to);
    }

    /// Nothing that follows takes it any more.
    fn last(&mut self, matching: &Map<String, Value>, to: &[String]) {
        match to.split_last() {
            Some((last, others)) => {
                others.iter().for_each(|to| self.also(matching, to));
                self.push(matching, "destination", json!(last));
            }
            None => self.push(matching, "exclude", json!(true)),
        }
    }

    fn also(&mut self, matching: &Map<String, Value>, to: &str) {
        self.push(matching, "destination", json!(to));
        if let Some(Value::Object(route)) = self.routes.last_mut() {
            route.insert("also".into(), json!(true));
        }
    }

    fn push(&mut self, matching: &Map<String, Value>, key: &str, value: Value) {
        let mut route = Map::new();
        if !matching.is_empty() {
            route.insert("match".into(), json!(matching));
        }
        route.insert(key.into(), value);
        self.routes.push(route.into());
    }
}
