//! Puts a finished body into the SDK's request, before it is signed: so the SDK keeps endpoints,
//! credentials, signing and error codes, and does not serialise events a second time.
//!
//! Bodies may be compressed: Amazon's own agent sends its own so, but the API's documentation does not
//! say that it may, so it is off unless asked for. It costs more CPU than it saves in hashing, and
//! pays where the way out of the VPC is what costs.

use std::io::Write;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use serde::Deserialize;

/// What is done to bodies on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    #[default]
    None,
    Gzip,
}

/// How one destination's requests go over the wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wire {
    pub compression: Compression,
    /// The header that has metrics extracted from records in the embedded metric format.
    pub emf: bool,
}

impl Wire {
    /// A body as it is sent; the same for every try.
    #[must_use]
    pub fn encode(self, body: &Bytes) -> Bytes {
        match self.compression {
            Compression::None => body.clone(),
            Compression::Gzip => {
                let mut to = GzEncoder::new(Vec::with_capacity(body.len() / 4), Level::fast());
                // Writing to memory does not fail.
                let done = to.write_all(body).and_then(|()| to.finish());
                done.unwrap_or_default().into()
            }
        }
    }

    /// What replaces the SDK's body by one that was encoded.
    #[must_use]
    pub fn replace(self, body: Bytes) -> ReplaceBody {
        ReplaceBody { body, wire: self }
    }
}

#[derive(Debug)]
pub struct ReplaceBody {
    body: Bytes,
    wire: Wire,
}

#[dyn_dispatch_hint]
impl Intercept for ReplaceBody {
    fn name(&self) -> &'static str {
        "ReplaceBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let headers = request.headers_mut();
        headers.insert("content-length", self.body.len().to_string());
        if self.wire.compression == Compression::Gzip {
            headers.insert("content-encoding", "gzip");
        }
        if self.wire.emf {
            headers.insert("x-amzn-logs-format", "json/emf");
        }
        *request.body_mut() = SdkBody::from(self.body.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_compressed_body_reads_back_the_same() {
        let wire = Wire {
            compression: Compression::Gzip,
            emf: false,
        };
        let body = Bytes::from("{\"logEvents\":[]}".repeat(1000));
        let sent = wire.encode(&body);
        assert!(sent.len() < body.len() / 10);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&sent[..])
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, body);
    }
}
