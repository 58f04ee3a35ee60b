//! A filter's keys in its team's ConfigMap: its module in one form, its settings and its examples.
//!
//! One merge patch changes all of them at once, so that no node sees new settings beside an old module.
//! What it does not name stays: other filters, and settings that nobody means to change. The module's
//! other forms go, whoever put them there: one of them would be found first. `kubectl` puts text under
//! `data`, where the same key may not stand twice, so every key is cleared there.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};

use crate::filter::module::packed::Packing;
use crate::filter::module::parts::PARTS_MAX;

/// Who changes it, as the API server is told.
const MANAGER: &str = "logsieve-push";

/// What becomes of a file beside the module.
pub enum Beside {
    Laid(Vec<u8>),
    Kept,
    Removed,
}

/// The merge patch.
pub fn patch(filter: &str, file: &str, module: Vec<u8>, beside: [(&str, Beside); 2]) -> Value {
    let mut keys: Map<String, Value> = forms(filter).map(|form| (form, Value::Null)).collect();
    keys.insert(file.to_owned(), json!(ByteString(module)));
    for (what, beside) in beside {
        let value = match beside {
            Beside::Laid(text) => json!(ByteString(text)),
            Beside::Removed => Value::Null,
            Beside::Kept => continue,
        };
        keys.insert(key(filter, what), value);
    }
    let nothing = keys.keys().map(|key| (key.clone(), Value::Null));
    let cleared: Map<String, Value> = nothing.collect();
    json!({ "binaryData": keys, "data": cleared })
}

/// What the settings or examples of a filter are called.
fn key(filter: &str, what: &str) -> String {
    format!("{filter}.{what}.yaml")
}

/// All that a module may be called: packed or not, whole or in parts.
fn forms(filter: &str) -> impl Iterator<Item = String> {
    let whole = Packing::ALL.map(|packing| format!("{filter}.wasm{}", packing.suffix()));
    whole.into_iter().flat_map(|whole| {
        let parts: Vec<String> = (0..PARTS_MAX).map(|n| format!("{whole}.{n}")).collect();
        std::iter::once(whole).chain(parts)
    })
}

/// The file of this kind that a filter has beside its module.
pub fn beside(map: &ConfigMap, filter: &str, what: &str) -> Option<Vec<u8>> {
    let key = key(filter, what);
    let bytes = map.binary_data.as_ref().and_then(|keys| keys.get(&key));
    let text = map.data.as_ref().and_then(|keys| keys.get(&key));
    let bytes = bytes.map(|bytes| bytes.0.clone());
    bytes.or_else(|| text.map(|text| text.clone().into_bytes()))
}

/// Patches the ConfigMap, which is made where it is missing; gives it as it is then.
pub async fn apply(api: &Api<ConfigMap>, name: &str, patch: &Value) -> kube::Result<ConfigMap> {
    let how = PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api.patch(name, &how, &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        done => return done,
    }
    // Applied without keys, it takes none from whoever makes it at the same moment; and, other than a
    // create, it may be granted by name.
    let empty = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
    let made = PatchParams::apply(MANAGER);
    api.patch(name, &made, &Patch::Apply(empty)).await?;
    api.patch(name, &how, &Patch::Merge(patch)).await
}
