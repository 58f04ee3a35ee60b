//! The AWS SDK as the sender uses it: it keeps endpoints, credentials, signing (by the service's
//! clock, where this machine's is wrong), connections and the language of errors. Retries are not
//! its own: ours know what was sent, and never give up.
//!
//! Log groups and streams are made by its client; events are put by a shorter way (`direct`). Answers are
//! read to their end, if they have one within reason.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::{
    BehaviorVersion, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http_body_util::Limited;
use serde::Deserialize;

use super::Config;
use super::direct::{ANSWER_BYTES_MAX, Direct};
use super::group;
use super::renew::Renewable;
use super::wire::Wire;
use crate::clock::Clock;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How the agent's sessions are called in the account's trail.
const SESSION_NAME: &str = "logsieve";

/// A role to assume with the credentials that the pod has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub arn: String,
    /// What the role's trust policy may ask for.
    #[serde(default)]
    pub external_id: Option<String>,
}

impl Role {
    /// The account that it is in; the role itself where its ARN does not tell.
    #[must_use]
    pub fn account(&self) -> &str {
        let account = self.arn.split(':').nth(4);
        account.filter(|id| !id.is_empty()).unwrap_or(&self.arn)
    }

    async fn assumed_by(&self, shared: SdkConfig) -> SdkConfig {
        let mut role = AssumeRoleProvider::builder(&self.arn)
            .configure(&shared)
            .session_name(SESSION_NAME);
        if let Some(id) = &self.external_id {
            role = role.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(role.build().await);
        let with_role = shared.into_builder().credentials_provider(provider);
        with_role.build()
    }
}

/// What speaks to the service for one destination.
#[derive(Debug, Clone)]
pub struct Connection {
    pub client: Client,
    pub direct: Direct,
    pub wire: Wire,
    /// What log groups are given that are created with it.
    pub given: group::Config,
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
        let shared = loader.load().await;
        match &config.role {
            None => Self::with(&shared, config, clock),
            Some(role) => Self::with(&role.assumed_by(shared).await, config, clock),
        }
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
            .interceptor(LimitAnswer);
        // Of CloudWatch Logs alone: tokens are still got where they are given out.
        let own = match &config.endpoint {
            Some(endpoint) => own.endpoint_url(endpoint),
            None => own,
        };
        let client = Client::from_conf(own.build());
        let wire = Wire {
            compression: config.compression,
            emf: config.emf,
        };
        Self {
            direct: Direct::new(client.clone(), wire, config.request_timeout, clock),
            client,
            wire,
            given: config.create.clone(),
            credentials,
        }
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
