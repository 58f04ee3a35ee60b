//! Where a request goes, as its body says it before its events.
//!
//! A request that the service refuses for its entity is sent again without one: what telemetry is about
//! is worth less than the telemetry.

use std::sync::Arc;

use super::escape::escape;

/// Where a request goes, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct To {
    pub group: Arc<str>,
    pub stream: Arc<str>,
    /// As JSON.
    pub entity: Option<Arc<str>>,
}

impl To {
    /// The same place, and nothing that it is about.
    #[must_use]
    pub fn without_entity(&self) -> Self {
        Self {
            entity: None,
            ..self.clone()
        }
    }

    /// A body up to its first event.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut head = b"{\"logGroupName\":\"".to_vec();
        escape(&self.group, &mut head);
        head.extend_from_slice(b"\",\"logStreamName\":\"");
        escape(&self.stream, &mut head);
        head.push(b'"');
        if let Some(entity) = &self.entity {
            head.extend_from_slice(b",\"entity\":");
            head.extend_from_slice(entity.as_bytes());
        }
        head.extend_from_slice(b",\"logEvents\":[");
        head
    }
}
