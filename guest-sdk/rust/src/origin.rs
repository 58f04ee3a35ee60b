//! Facts about the container that wrote the batch in hand.
//!
//! Names are OpenTelemetry's: `k8s.namespace.name`, `k8s.pod.name`, `k8s.container.name`,
//! `k8s.pod.label.app` and so on; the contract lists them. Each call leaves the sandbox and costs
//! about what a record does: ask once a batch. Natively they are what
//! `testing::Run::origin` was given.

/// The value of one fact, if it is known. Nothing is known while the filter is configured.
pub fn get(name: &str) -> Option<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::wire::logsieve::filter::origin::get(name);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::native::world::origin(|facts| facts.get(name).cloned());
}

/// Every fact known, sorted by name.
pub fn all() -> Vec<(String, String)> {
    #[cfg(target_arch = "wasm32")]
    return crate::wire::logsieve::filter::origin::all();
    #[cfg(not(target_arch = "wasm32"))]
    return crate::native::world::origin(|facts| facts.clone().into_iter().collect());
}
