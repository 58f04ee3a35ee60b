//! The AWS SDK as the sender uses it: it keeps endpoints, credentials, signing (by the service's
//! clock, where this machine's is wrong), connections and the language of errors. Retries are not
//! its own: ours know what was sent, and never give up.
//!
//! Finished bodies are put into its requests by an interceptor, so that events are not serialised a
//! second time (measured: twice the throughput). Answers are read to their end, if they have one
//! within reason.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{
    BehaviorVersion, Region, StalledStreamProtectionConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body_util::Limited;

use super::Config;
use super::renew::Renewable;
use crate::clock::Clock;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read; the service's own are below one kilobyte.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What speaks to the service for one destination.
#[derive(Debug, Clone)]
pub struct Connection {
    pub client: Client,
    pub credentials: Renewable,
}

impl Connection {
    /// With the credentials of the environment: variables, profile, web identity (IRSA), container
    /// (EKS Pod Identity), instance metadata.
    pub async fn new(config: &Config, clock: Clock) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &config.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Self::with(&loader.load().await, config, clock)
    }

    /// With what `shared` says of region, endpoint, credentials and HTTP.
    #[must_use]
    pub fn with(shared: &SdkConfig, config: &Config, clock: Clock) -> Self {
        let credentials = Renewable::new(clock);
        let own = aws_sdk_cloudwatchlogs::config::Builder::from(shared)
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(config.request_timeout)
                    .build(),
            )
            .identity_cache(credentials.clone())
            .interceptor(LimitAnswer)
            .build();
        Self {
            client: Client::from_conf(own),
            credentials,
        }
    }
}

/// Puts a finished body into the SDK's request, before it is signed.
#[derive(Debug)]
pub struct ReplaceBody(pub Bytes);

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
        headers.insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

/// Ends an answer that has no end within reason with an error, instead of the agent's memory.
#[derive(Debug)]
struct LimitAnswer;

#[dyn_dispatch_hint]
impl Intercept for LimitAnswer {
    fn name(&self) -> &'static str {
        "LimitAnswer"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, ANSWER_BYTES_MAX));
        Ok(())
    }
}
