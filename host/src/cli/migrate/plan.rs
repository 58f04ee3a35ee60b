//! What a whole Fluent Bit configuration comes to: inputs and outputs become routes, first match
//! wins; what an input leaves out and no other takes is excluded. A `tail` of anything but container logs
//! is a group of plain files.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::destination::{Kubernetes, destination};
use super::section::{Note, Section};
use super::{names, reasons};

#[derive(Default)]
pub struct Plan {
    source: Map<String, Value>,
    files: Map<String, Value>,
    destinations: BTreeMap<String, Value>,
    routes: Vec<Value>,
    top: Map<String, Value>,
    pub notes: Vec<Note>,
}

/// A `tail`.
struct Input {
    /// With the path of its files, as Fluent Bit puts it in the place of a `*`.
    tag: String,
    takes: Vec<Map<String, Value>>,
    leaves: Vec<Map<String, Value>>,
    plain: bool,
}

impl Input {
    fn takes_all(&self) -> bool {
        self.takes.iter().any(Map::is_empty)
    }
}

impl Plan {
    pub fn of(sections: Vec<Section>) -> Self {
        let mut plan = Self::default();
        let mut inputs = Vec::new();
        let mut kubernetes = Vec::new();
        let mut outputs = Vec::new();
        for mut section in sections {
            let name = section
                .entries
                .iter()
                .find(|e| e.key.eq_ignore_ascii_case("name"));
            let name = name.map(|e| e.value.to_lowercase()).unwrap_or_default();
            match (section.kind.as_str(), name.as_str()) {
                ("service", _) => plan.service(&mut section),
                ("input", "tail") => inputs.extend(plan.input(&mut section)),
                ("filter", "kubernetes") => {
                    let pattern = section.text("Match").unwrap_or_else(|| "*".into());
                    kubernetes.push((pattern, Kubernetes::of(&mut section, &mut plan.notes)));
                }
                ("output", "cloudwatch_logs" | "cloudwatch" | "stdout") => {
                    outputs.push(section);
                    continue;
                }
                _ => {
                    plan.notes.push(reasons::whole(&section, &name));
                    continue;
                }
            }
            plan.notes.extend(reasons::leftovers(&section));
        }
        // What takes all comes last, and what it leaves out is excluded just before.
        inputs.sort_by_key(Input::takes_all);
        let takers = plan.outputs(outputs, &inputs, &kubernetes);
        if kubernetes.iter().any(|(_, k)| k.exclude) {
            plan.exclude_annotated();
        }
        plan.write_routes(&inputs, &takers);
        plan.ask_for_cluster();
        plan.notes.sort_by_key(Note::place);
        plan
    }

    fn service(&mut self, service: &mut Section) {
        if let Some(grace) = service.take("Grace") {
            match grace.value.parse::<u32>() {
                Ok(seconds) => {
                    let drain = json!(format!("{seconds}s"));
                    self.top.insert("drain".into(), drain);
                }
                Err(_) => {
                    let why = "no number of seconds; see `drain`, 25 s by default";
                    self.notes.push(Note::fine(&grace.at, grace.line(), why));
                }
            }
        }
        if let Some(level) = service.take("Log_Level") {
            match names::log_level(&level.value) {
                Some(known) => {
                    let telemetry = json!({ "log": { "level": known } });
                    self.top.insert("telemetry".into(), telemetry);
                }
                None => {
                    let why = "see `telemetry.log.level`: error, warn, info (the default) or debug";
                    self.notes.push(Note::fine(&level.at, level.line(), why));
                }
            }
        }
        if let Some(flush) = service.take("Flush") {
            let why = "see `flush_after` of the destination; 1 s is the default";
            self.notes
                .push(Note::fine(&flush.at, format!("Flush {}", flush.value), why));
        }
        if let Some(port) = service.take("HTTP_Port") {
            let why = "the admin page stays on port 9880, where the chart's probes look for it";
            self.notes.push(Note::fine(
                &port.at,
                format!("HTTP_Port {}", port.value),
                why,
            ));
        }
    }

    fn input(&mut self, input: &mut Section) -> Option<Input> {
        let tag = input.text("Tag").unwrap_or_default();
        let start = input.take("Read_from_Head");
        let from_head = start
            .as_ref()
            .is_some_and(|s| super::section::is_true(&s.value));
        if let Some(start) = start.filter(|s| s.value.contains('$')) {
            let why = "a variable; `source.container_log.start` is `end` or `beginning`";
            self.notes.push(Note::fine(&start.at, start.line(), why));
        }
        let start = if from_head { "beginning" } else { "end" };
        let (takes, files) = self.paths(input, "Path");
        let (leaves, left) = self.paths(input, "Exclude_Path");
        if takes.is_empty() && !files.is_empty() {
            return Some(self.plain_files(input, &tag, (files, left), start));
        }
        for path in files {
            let why = "the same input has container logs: give these files one of their own";
            self.notes
                .push(Note::lost(&input.at, format!("Path {path}"), why));
        }
        self.source.insert("start".into(), json!(start));
        let tag = names::tag(&tag);
        (!takes.is_empty()).then_some(Input {
            tag,
            takes,
            leaves,
            plain: false,
        })
    }

    /// A group of plain files, under the last word of its tag.
    fn plain_files(
        &mut self,
        input: &mut Section,
        tag: &str,
        (include, exclude): (Vec<String>, Vec<String>),
        start: &str,
    ) -> Input {
        if let Some(parser) = input.take("Parser") {
            let why = "the time of a line is read whatever its form; its text is sent as it is";
            self.notes.push(Note::lost(&parser.at, parser.line(), why));
        }
        let word = tag.split('.').rfind(|w| !w.is_empty() && !w.contains('*'));
        let word = word.unwrap_or("files").to_owned();
        let mut name = word.clone();
        let mut number = 2;
        while self.files.contains_key(&name) {
            name = format!("{word}-{number}");
            number += 1;
        }
        let mut group = Map::new();
        group.insert("include".into(), json!(include));
        if !exclude.is_empty() {
            group.insert("exclude".into(), json!(exclude));
        }
        group.insert("start".into(), json!(start));
        self.files.insert(name, group.into());
        let matching = |path: &String| {
            let mut matching = Map::new();
            matching.insert("source".into(), json!("files"));
            matching.insert("file".into(), json!(path));
            matching
        };
        Input {
            tag: names::plain_tag(tag, &include),
            takes: include.iter().map(matching).collect(),
            leaves: Vec::new(),
            plain: true,
        }
    }

    /// Those of container logs as matches, and those of other files as they are.
    fn paths(&mut self, input: &mut Section, key: &str) -> (Vec<Map<String, Value>>, Vec<String>) {
        let (mut matches, mut files) = (Vec::new(), Vec::new());
        let Some(entry) = input.take(key) else {
            return (matches, files);
        };
        for pattern in entry
            .value
            .split(',')
            .map(str::trim)
            .filter(|p| !p.is_empty())
        {
            match names::path(pattern) {
                Some(matching) => matches.push(matching),
                None if names::is_plain(pattern) => files.push(pattern.to_owned()),
                None => {
                    let why = "it is neither below /var/log/containers nor a path that `source.files` takes";
                    self.notes
                        .push(Note::lost(&entry.at, format!("{key} {pattern}"), why));
                }
            }
        }
        (matches, files)
    }

    /// Makes destinations; says which outputs take which input, in order.
    fn outputs(
        &mut self,
        outputs: Vec<Section>,
        inputs: &[Input],
        kubernetes: &[(String, Kubernetes)],
    ) -> Vec<Vec<String>> {
        let mut takers: Vec<Vec<String>> = inputs.iter().map(|_| Vec::new()).collect();
        let first = |tag: &str| {
            kubernetes
                .iter()
                .find(|(pattern, _)| names::takes(pattern, tag))
        };
        for mut output in outputs {
            let pattern = output.text("Match").unwrap_or_else(|| "*".into());
            let mut is_met = false;
            // Streams are named by other facts for plain files than for containers.
            for plain in [false, true] {
                let of_it =
                    |input: &&Input| input.plain == plain && names::takes(&pattern, &input.tag);
                let Some(input) = inputs.iter().find(of_it) else {
                    continue;
                };
                let filter = first(&input.tag).map(|(_, k)| k);
                let (mut section, mut notes) = (output.clone(), Vec::new());
                let to = destination(&mut section, &input.tag, filter, &mut notes);
                notes.extend(reasons::leftovers(&section));
                if !std::mem::replace(&mut is_met, true) {
                    self.notes.extend(notes);
                }
                let Some(to) = to else { continue };
                let name = self.name_for(&to);
                self.destinations.insert(name.clone(), to);
                for (input, takers) in inputs.iter().zip(&mut takers) {
                    if of_it(&input) {
                        takers.push(name.clone());
                    }
                }
            }
            if !is_met {
                let why = "none of the inputs that are read goes there";
                let what = format!("[OUTPUT] Match {pattern}");
                self.notes.push(Note::lost(&output.at, what, why));
            }
        }
        takers
    }

    /// The last word of the group that is no template, or what the destination is.
    fn name_for(&self, destination: &Value) -> String {
        let group = destination["cloudwatch"]["log_group"]
            .as_str()
            .unwrap_or("stdout");
        let plain = |word: &&str| !word.is_empty() && !word.contains(['{', '}']);
        let word = group.split('/').rfind(plain).unwrap_or("main").to_owned();
        let mut name = word.clone();
        let mut number = 2;
        while self.destinations.contains_key(&name) {
            name = format!("{word}-{number}");
            number += 1;
        }
        name
    }

    /// `fluentbit.io/exclude` goes on to work: as a route, since it is the operator's word.
    fn exclude_annotated(&mut self) {
        let annotation = json!({ "fluentbit.io/exclude": "true" });
        self.routes
            .push(json!({ "match": { "annotations": annotation }, "exclude": true }));
        let why = "`fluentbit.io/exclude` works on; a container now waits until its pod is known. \
                   `stdout` and `stderr` as values have no counterpart";
        self.notes
            .push(Note::fine("routes", "K8S-Logging.Exclude On", why));
    }

    fn write_routes(&mut self, inputs: &[Input], takers: &[Vec<String>]) {
        for (input, takers) in inputs.iter().zip(takers) {
            let Some((last, others)) = takers.split_last() else {
                continue;
            };
            for matching in &input.leaves {
                let exclude = json!({ "match": matching, "exclude": true });
                if !self.is_taken(matching) {
                    self.routes.push(exclude);
                }
            }
            for matching in &input.takes {
                let route = |to: &String| {
                    let mut route = Map::new();
                    if !matching.is_empty() {
                        route.insert("match".into(), json!(matching));
                    }
                    route.insert("destination".into(), json!(to));
                    route
                };
                for other in others {
                    let mut also = route(other);
                    also.insert("also".into(), json!(true));
                    self.routes.push(also.into());
                }
                self.routes.push(route(last).into());
            }
        }
    }

    /// Whether an earlier route takes the same containers.
    fn is_taken(&self, matching: &Map<String, Value>) -> bool {
        let same = |route: &Value| route["match"] == json!(matching);
        self.routes.iter().any(same)
    }

    /// Says what nothing but the operator knows.
    fn ask_for_cluster(&mut self) {
        let destinations = json!(self.destinations).to_string();
        if destinations.contains("{k8s.cluster.name") {
            let why = "log groups are named after the cluster: say its name in `enrich.cluster`, with the \
                       chart in the value `cluster`";
            let what = "k8s.cluster.name";
            self.notes.push(Note::fine("destinations", what, why));
        }
    }

    /// The configuration, as a person would write it.
    pub fn yaml(&self) -> anyhow::Result<String> {
        let mut all = self.top.clone();
        let mut source = Map::new();
        if !self.source.is_empty() {
            source.insert("container_log".into(), json!(self.source));
        }
        if !self.files.is_empty() {
            source.insert("files".into(), json!(self.files));
        }
        if !source.is_empty() {
            all.insert("source".into(), source.into());
        }
        let mut text = String::from(
            "# Made from a Fluent Bit configuration by `logsieve migrate`. What could not be carried over was\n\
             # told then; every key is explained in deploy/logsieve.example.yaml.\n",
        );
        for (key, value) in [
            ("destinations", json!(self.destinations)),
            ("routes", json!(self.routes)),
        ] {
            all.insert(key.into(), value);
        }
        text += &serde_saphyr::to_string(&all)?;
        Ok(text)
    }
}
