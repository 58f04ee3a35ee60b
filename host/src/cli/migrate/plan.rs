//! What a whole Fluent Bit configuration comes to: inputs and outputs become routes, `kubernetes` filters
//! the format of what passes them, and each output a destination for each form that it gives to records.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::destination::{Kubernetes, destination};
use super::input::{Input, Inputs};
use super::reasons;
use super::routes::{self, Rule};
use super::section::{Note, Read, Section};
use super::selector::Selector;
use super::{names, service};

#[derive(Default)]
pub struct Plan {
    source: Map<String, Value>,
    destinations: BTreeMap<String, Value>,
    routes: Vec<Value>,
    top: Map<String, Value>,
    pub notes: Vec<Note>,
}

/// The `kubernetes` filters, with what each takes.
type Filters = Vec<(Selector, Kubernetes)>;

impl Plan {
    pub fn of(read: impl Into<Read>) -> Self {
        let read = read.into();
        let mut plan = Self {
            notes: read.notes,
            ..Self::default()
        };
        let mut inputs = Inputs::default();
        let mut kubernetes = Filters::new();
        let mut outputs = Vec::new();
        for mut section in read.sections {
            let name = section.name();
            match (section.kind.as_str(), name.as_str()) {
                ("service", _) => service::service(&mut section, &mut plan.top, &mut plan.notes),
                ("input", "tail") => inputs.add(&mut section, &mut plan.notes),
                ("filter", "kubernetes") => {
                    let selector = Selector::of(&mut section);
                    kubernetes.push((selector, Kubernetes::of(&mut section, &mut plan.notes)));
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
        let filters = plan.filters(&inputs.all, &kubernetes);
        let rules = plan.outputs(outputs, &inputs.all, &filters);
        plan.routes = routes::routes(&rules, !inputs.files.is_empty(), &mut plan.notes);
        plan.sources(inputs);
        plan.ask_for_cluster();
        plan.notes.sort_by_key(Note::place);
        plan
    }

    /// The `kubernetes` filter of each input.
    fn filters<'a>(&mut self, inputs: &[Input], all: &'a Filters) -> Vec<Option<&'a Kubernetes>> {
        let mut of_inputs = vec![None; inputs.len()];
        for (selector, kubernetes) in all {
            let mut whole = selector.is_clear();
            for (input, of_it) in inputs.iter().zip(&mut of_inputs) {
                let selected = selector.on(input);
                if selected.takes.is_empty() && !selected.is_unclear {
                    continue;
                }
                let all = input.takes.iter().map(|source| &source.matching);
                whole &= selected.takes.iter().eq(all);
                if of_it.is_some() {
                    let why = "a second `kubernetes` filter on the same records";
                    self.say(Note::lost(&kubernetes.at, "[FILTER] kubernetes", why));
                }
                of_it.get_or_insert(kubernetes);
            }
            if !whole {
                let why = "it takes a part of an input, or no part that can be told; the format of an input's \
                           records is one for all of them";
                self.say(Note::lost(&kubernetes.at, &selector.line, why));
            }
        }
        of_inputs
    }

    /// Makes destinations; says what each output takes of each input.
    fn outputs(
        &mut self,
        outputs: Vec<Section>,
        inputs: &[Input],
        filters: &[Option<&Kubernetes>],
    ) -> Vec<Rule> {
        let mut rules = Vec::new();
        for mut output in outputs {
            let selector = Selector::of(&mut output);
            let what = format!("[OUTPUT] {}", selector.line);
            if !selector.is_clear() {
                let why =
                    "no simple pattern of tags: the output is left out, and nothing goes there";
                self.say(Note::lost(&output.at, what, why));
                continue;
            }
            let known = rules.len();
            // Inputs with other tags or filters may have other streams or formats.
            let mut forms: Vec<(Value, String)> = Vec::new();
            let mut is_unclear = false;
            for (number, (input, filter)) in inputs.iter().zip(filters).enumerate() {
                let selected = selector.on(input);
                is_unclear |= selected.is_unclear;
                if selected.takes.is_empty() {
                    continue;
                }
                let Some(to) = self.destination(&output, input, *filter, &mut forms) else {
                    continue;
                };
                let rule = |matching| Rule {
                    input: number,
                    matching,
                    leaves: input.leaves.clone(),
                    to: to.clone(),
                    is_excludable: filter.is_some_and(|f| f.exclude),
                };
                rules.extend(selected.takes.into_iter().map(rule));
            }
            let why = match (is_unclear, rules.len() == known) {
                (true, true) => {
                    "what it takes of an input cannot be told by pod, namespace or container: \
                                 nothing goes there"
                }
                (true, false) => {
                    "a part of what it takes cannot be told by pod, namespace or container: \
                                  that part does not go there"
                }
                (false, true) => "none of the inputs that are read goes there",
                (false, false) => continue,
            };
            self.say(Note::lost(&output.at, what, why));
        }
        for (number, input) in inputs.iter().enumerate() {
            if !rules.iter().any(|rule| rule.input == number) {
                let why = "no output that is carried over takes its records: they go nowhere";
                self.say(Note::fine(
                    &input.at,
                    format!("[INPUT] Tag {}", input.tag),
                    why,
                ));
            }
        }
        rules
    }

    /// The name of an output's destination for the records of one input.
    fn destination(
        &mut self,
        output: &Section,
        input: &Input,
        filter: Option<&Kubernetes>,
        forms: &mut Vec<(Value, String)>,
    ) -> Option<String> {
        let (mut section, mut notes) = (output.clone(), Vec::new());
        let to = destination(&mut section, &input.tag_template, filter, &mut notes);
        notes.extend(reasons::leftovers(&section));
        notes.into_iter().for_each(|note| self.say(note));
        let to = to?;
        if let Some((_, name)) = forms.iter().find(|(form, _)| *form == to) {
            return Some(name.clone());
        }
        let name = self.name_for(&to);
        self.destinations.insert(name.clone(), to.clone());
        forms.push((to, name.clone()));
        Some(name)
    }

    /// Each once, however many inputs lead to it.
    fn say(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The last word of the group that is no template, or what the destination is.
    fn name_for(&self, destination: &Value) -> String {
        let group = match destination.get("cloudwatch") {
            Some(cloudwatch) => cloudwatch["log_group"].as_str().unwrap_or_default(),
            None => "stdout",
        };
        let plain = |word: &&str| !word.is_empty() && !word.contains(['{', '}']);
        let word = group.split('/').rfind(plain).unwrap_or("main");
        names::free(word, &|name| self.destinations.contains_key(name))
    }

    fn sources(&mut self, inputs: Inputs) {
        if let Some(start) = inputs.start(&mut self.notes) {
            self.source
                .insert("container_log".into(), json!({ "start": start }));
        }
        if !inputs.files.is_empty() {
            self.source.insert("files".into(), inputs.files.into());
        }
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

    /// Whether anything is left that an agent could run.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The configuration, as a person would write it.
    pub fn yaml(&self) -> anyhow::Result<String> {
        let mut all = self.top.clone();
        if !self.source.is_empty() {
            all.insert("source".into(), json!(self.source));
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
