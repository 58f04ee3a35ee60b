//! PutLogEvents by the shortest way: what the SDK works out for each call is worked out once.
//!
//! Address, headers, region, connections and whose credentials are the same for all calls of a destination,
//! and finding them costs the SDK as much as all else that a small request costs. So it is asked once, for a
//! request that is never sent. From then on each request is put together from what it found, signed by its
//! signer with the credentials that are valid then, sent over its connections, and its parser reads the
//! answer. The service's clock counts, where this machine's is wrong.

use std::iter;
use std::mem;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::config::{
    ConfigBag, Intercept, Layer, ResolveCachedIdentity, RuntimeComponents,
    RuntimeComponentsBuilder, RuntimePlugin,
};
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::put_log_events::{
    PutLogEvents, PutLogEventsError, PutLogEventsOutput,
};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, Output,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::GetIdentityResolver;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use http_body_util::{BodyExt, Limited};
use tokio::sync::OnceCell;

use super::wire::{Encoded, Wire};
use crate::clock::Clock;

/// Longest answer that is read; the service's own are below one kilobyte.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What differs from one request to the next.
const OWN_HEADERS: [&str; 6] = [
    "authorization",
    "content-length",
    "x-amz-date",
    "x-amz-security-token",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
];
/// After one of these the next request takes another connection: whoever is at this one's end is in trouble.
const IN_TROUBLE: [u16; 4] = [500, 502, 503, 504];

pub type Answer = Result<PutLogEventsOutput, Failure>;
type Failure = SdkError<PutLogEventsError, HttpResponse>;

/// Something of the SDK is not as it was when this was written.
#[derive(Debug, thiserror::Error)]
#[error("the AWS SDK did not prepare a request as it should")]
struct Unprepared;

/// The way to the service for one destination.
#[derive(Debug, Clone)]
pub struct Direct(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    wire: Wire,
    /// How long one try may take.
    timeout: Duration,
    clock: Clock,
    /// How far the service's clock is ahead of this machine's, milliseconds.
    ahead_ms: AtomicI64,
    known: OnceCell<Known>,
}

impl Direct {
    #[must_use]
    pub fn new(client: Client, wire: Wire, timeout: Duration, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            client,
            wire,
            timeout,
            clock,
            ahead_ms: AtomicI64::new(0),
            known: OnceCell::new(),
        }))
    }

    /// Sends a body once.
    ///
    /// # Errors
    /// As a call of the SDK.
    pub async fn put(&self, body: &Encoded) -> Answer {
        match tokio::time::timeout(self.0.timeout, self.0.put(body)).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(SdkError::timeout_error(elapsed)),
        }
    }
}

impl Inner {
    async fn put(&self, body: &Encoded) -> Answer {
        let known = self
            .known
            .get_or_try_init(|| Known::ask(&self.client, self.wire));
        let known = known.await?;
        let identity = known.identity().await;
        let identity = identity.map_err(SdkError::construction_failure)?;
        let request = known.request(&identity, body, self.service_time());
        let request = request.map_err(SdkError::construction_failure)?;
        known.read(self.exchange(known, request).await?)
    }

    /// What the service's clock shows, as far as its last answer told.
    fn service_time(&self) -> SystemTime {
        let here = UNIX_EPOCH + Duration::from_nanos(self.clock.now().wall);
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let ahead = Duration::from_millis(ahead_ms.unsigned_abs());
        let there = match ahead_ms >= 0 {
            true => here.checked_add(ahead),
            false => here.checked_sub(ahead),
        };
        there.unwrap_or(here)
    }

    fn note_time(&self, answer: &HttpResponse) {
        let headers = answer.headers();
        // Kept by somebody on the way, who does not tell the time anew.
        if headers.contains_key("age") {
            return;
        }
        let there = headers.get("date").and_then(|date| {
            let date = DateTime::from_str(date, Format::HttpDate).ok()?;
            date.to_millis().ok()
        });
        if let Some(there) = there {
            let here = i64::try_from(self.clock.now().wall / 1_000_000).unwrap_or(there);
            self.ahead_ms
                .store(there.saturating_sub(here), Ordering::Relaxed);
        }
    }

    /// Sends a request, and reads the answer to its end, if it has one within reason.
    async fn exchange(
        &self,
        known: &Known,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, Failure> {
        let connection = CaptureSmithyConnection::new();
        request.add_extension(connection.clone());
        let sent = known.connector.call(request).await;
        let mut answer = sent.map_err(SdkError::dispatch_failure)?;
        self.note_time(&answer);
        let in_trouble = IN_TROUBLE.contains(&answer.status().as_u16());
        if in_trouble && let Some(connection) = connection.get() {
            connection.poison();
        }
        let body = mem::replace(answer.body_mut(), SdkBody::taken());
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(whole) => {
                *answer.body_mut() = whole.to_bytes().into();
                Ok(answer)
            }
            Err(error) => Err(SdkError::response_error(error, answer)),
        }
    }
}

/// What the SDK found out.
#[derive(Debug)]
struct Known {
    /// With all headers that are the same for every request.
    request: HttpRequest,
    region: String,
    service: String,
    identities: SharedIdentityResolver,
    /// What the cache of credentials asks for; without interceptors, of which one is to find out what is
    /// here.
    components: RuntimeComponents,
    config: ConfigBag,
    connector: SharedHttpConnector,
}

impl Known {
    /// Has the SDK prepare a request that is not sent.
    async fn ask(client: &Client, wire: Wire) -> Result<Self, Failure> {
        let call = client
            .put_log_events()
            .log_group_name("-")
            .log_stream_name("-");
        let call = call.set_log_events(Some(Vec::new())).customize();
        let find = Find(Arc::default());
        let answer = call.interceptor(find.clone()).send().await;
        match find.take() {
            Some(mut known) => {
                wire.mark(known.request.headers_mut());
                Ok(known)
            }
            None => Err(answer
                .err()
                .unwrap_or_else(|| SdkError::construction_failure(Unprepared))),
        }
    }

    fn of(
        request: &HttpRequest,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Option<Self> {
        // `AWS4-HMAC-SHA256 Credential=<key>/<day>/<region>/<service>/aws4_request, ...`
        let mut scope = request.headers().get("authorization")?.split('/').skip(2);
        let (region, service) = (scope.next()?.to_owned(), scope.next()?.to_owned());
        let timeouts = config.load::<TimeoutConfig>()?;
        let mut settings = HttpConnectorSettings::builder();
        settings.set_connect_timeout(timeouts.connect_timeout());
        let connector = components
            .http_client()?
            .http_connector(&settings.build(), components);
        let mut layer = Layer::new("direct");
        layer.store_put(timeouts.clone());
        layer.store_put(RetryConfig::disabled());
        let mut bag = ConfigBag::of_layers([layer]);
        bag.push_shared_layer(PutLogEvents::new().config()?);
        let bare = RuntimeComponentsBuilder::from_runtime_components(components.clone(), "direct");
        let mut unsigned = HttpRequest::new(SdkBody::empty());
        unsigned.set_method(request.method()).ok()?;
        unsigned.set_uri(request.uri()).ok()?;
        for (name, value) in request.headers() {
            if !OWN_HEADERS.contains(&name) {
                let headers = unsigned.headers_mut();
                headers.try_append(name.to_owned(), value.to_owned()).ok()?;
            }
        }
        Some(Self {
            request: unsigned,
            region,
            service,
            identities: components.identity_resolver(AuthSchemeId::new("sigv4"))?,
            components: bare.with_interceptors(iter::empty()).build().ok()?,
            config: bag,
            connector,
        })
    }

    /// The credentials that are valid now.
    async fn identity(&self) -> Result<Identity, BoxError> {
        let (components, config) = (&self.components, &self.config);
        let cache = components.identity_cache();
        let resolver = self.identities.clone();
        cache
            .resolve_cached_identity(resolver, components, config)
            .await
    }

    /// A request with this body, signed.
    fn request(
        &self,
        identity: &Identity,
        body: &Encoded,
        time: SystemTime,
    ) -> Result<HttpRequest, BoxError> {
        let mut request = self.request.try_clone().ok_or(Unprepared)?;
        let headers = request.headers_mut();
        headers.try_insert("content-length", body.bytes().to_string())?;
        let params = SigningParams::builder().identity(identity).time(time);
        let params = params.region(&self.region).name(&self.service);
        let params = params.settings(SigningSettings::default()).build()?.into();
        let signed = SignableBody::Precomputed(body.sha256().to_owned());
        let headers = request.headers().iter();
        let signable = SignableRequest::new(request.method(), request.uri(), headers, signed)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        for header in instructions.into_parts().0 {
            let value = header.value().to_owned();
            request.headers_mut().try_insert(header.name(), value)?;
        }
        *request.body_mut() = body.body();
        Ok(request)
    }

    /// What an answer says.
    #[expect(clippy::result_large_err, reason = "as the SDK gives it")]
    fn read(&self, answer: HttpResponse) -> Answer {
        let parser = self.config.load::<SharedResponseDeserializer>();
        let Some(parser) = parser else {
            return Err(SdkError::response_error(Unprepared, answer));
        };
        let parsed = parser.deserialize_nonstreaming_with_config(&answer, &self.config);
        let error = match parsed.map(Output::downcast::<PutLogEventsOutput>) {
            Ok(Ok(output)) => return Ok(output),
            Ok(Err(_)) => Unprepared.into(),
            Err(error) => {
                let mut told = None;
                let error = error.map_operation_error(|error| {
                    told = error.downcast::<PutLogEventsError>().ok();
                    Unprepared
                });
                if let Some(error) = told {
                    return Err(SdkError::service_error(error, answer));
                }
                BoxError::from(error)
            }
        };
        Err(SdkError::response_error(error, answer))
    }
}

/// Finds out what the SDK makes of a call, and ends it before it is sent.
#[derive(Debug, Clone)]
struct Find(Arc<Mutex<Option<Known>>>);

impl Find {
    fn take(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Find {
    fn name(&self) -> &'static str {
        "Find"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let known = Known::of(context.request(), components, config);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Err("it was never to be sent".into())
    }
}

#[cfg(test)]
mod tests;
