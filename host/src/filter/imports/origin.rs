//! `origin`: facts about the container that wrote the batch in hand. They are copied to the guest when
//! it asks, so a filter that does not ask pays nothing.

use super::State;
use crate::filter::bindings::logsieve::filter::origin::Host;

impl Host for State {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let container = self.container.as_ref();
        Ok(container.and_then(|c| c.facts.get(&name).cloned()))
    }

    fn all(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let facts = self.container.iter().flat_map(|c| &c.facts);
        Ok(facts.map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}
