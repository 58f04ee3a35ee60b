//! Checks AWS Signature Version 4 by computing it again from what arrived.
//!
//! The canonical request is built from the bytes on the wire: method, path, query, the signed
//! headers and the hash of the body as it was sent, compressed or not. A request that was changed
//! after signing, signed with another key, for another region or at another time is refused with
//! the error that the service gives. Own code, so that it shares no mistake with the signer of the
//! SDK, which the tests let it meet.

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};

use super::error::AwsError;
use super::limits::SKEW_MS_MAX;

/// An access key that the service knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    /// Temporary credentials come with a token, and are refused without it.
    pub session_token: Option<String>,
    /// Whether the token's time is over.
    pub expired: bool,
}

impl Credentials {
    /// Credentials that never expire.
    pub fn new(access_key: &str, secret_key: &str) -> Self {
        let (access_key, secret_key) = (access_key.to_owned(), secret_key.to_owned());
        Credentials {
            access_key,
            secret_key,
            session_token: None,
            expired: false,
        }
    }
}

/// A request as it arrived.
pub struct Incoming<'a> {
    pub method: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query without its `?`; empty where there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Checks that one of `credentials` signed the request, for `region`, within five minutes of
/// `now_ms`.
pub fn check(
    request: &Incoming<'_>,
    credentials: &[Credentials],
    region: &str,
    now_ms: i64,
) -> Result<(), AwsError> {
    let authorization = Authorization::parse(request.headers)?;
    let credentials = authorization.find(credentials, request.headers)?;
    authorization.check_scope(region)?;
    authorization.check_time(now_ms)?;
    authorization.check_signed_headers(request.headers)?;
    match authorization.sign(request, &credentials.secret_key) == authorization.signature {
        true => Ok(()),
        false => Err(invalid_signature(
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details.",
        )),
    }
}

/// The `Authorization` header, taken apart, with the time of signing.
struct Authorization<'a> {
    access_key: &'a str,
    /// Day, region, service and `aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    /// `YYYYMMDDTHHMMSSZ`.
    date: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(headers: &'a HeaderMap) -> Result<Self, AwsError> {
        let Some(text) = text(headers, "authorization") else {
            return Err(AwsError::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ));
        };
        let Some(fields) = text.strip_prefix("AWS4-HMAC-SHA256 ") else {
            return Err(incomplete("the algorithm must be AWS4-HMAC-SHA256", text));
        };
        let field = |name: &str| {
            let value = fields
                .split(',')
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            let missing = || format!("Authorization header requires '{name}' parameter.");
            value.ok_or_else(|| incomplete(&missing(), text))
        };
        let (access_key, scope) = field("Credential")?
            .split_once('/')
            .ok_or_else(|| incomplete("Credential must have a scope", text))?;
        let (signed_headers, signature) = (field("SignedHeaders")?, field("Signature")?);
        let date = self::text(headers, "x-amz-date").ok_or_else(|| {
            let cause = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
            incomplete(cause, text)
        })?;
        Ok(Authorization {
            access_key,
            scope,
            signed_headers,
            signature,
            date,
        })
    }

    /// The credentials with this access key, if their token fits and is not over.
    fn find<'c>(
        &self,
        credentials: &'c [Credentials],
        headers: &HeaderMap,
    ) -> Result<&'c Credentials, AwsError> {
        let unknown = || {
            let message = "The security token included in the request is invalid.";
            AwsError::new("UnrecognizedClientException", message)
        };
        let found = credentials
            .iter()
            .find(|known| known.access_key == self.access_key);
        let found = found.ok_or_else(unknown)?;
        if found.session_token.as_deref() != text(headers, "x-amz-security-token") {
            return Err(unknown());
        }
        if found.expired {
            return Err(AwsError::expired_token());
        }
        Ok(found)
    }

    fn check_scope(&self, region: &str) -> Result<(), AwsError> {
        let parts: Vec<&str> = self.scope.split('/').collect();
        let [day, scope_region, service, end] = parts[..] else {
            return Err(invalid_signature(
                "Credential must have exactly 5 slash-delimited elements",
            ));
        };
        if self.date.get(..8) != Some(day) {
            return Err(invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP",
            ));
        }
        if scope_region != region {
            return Err(invalid_signature(
                "Credential should be scoped to a valid region.",
            ));
        }
        if service != "logs" {
            return Err(invalid_signature(
                "Credential should be scoped to correct service: 'logs'.",
            ));
        }
        match end {
            "aws4_request" => Ok(()),
            _ => Err(invalid_signature(
                "Credential should be scoped with a valid terminator: 'aws4_request'",
            )),
        }
    }

    fn check_time(&self, now_ms: i64) -> Result<(), AwsError> {
        let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", self.date)
            .and_then(|time| jiff::tz::TimeZone::UTC.to_timestamp(time))
            .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'", self.date))?
            .as_millisecond();
        let (now, date) = (basic(now_ms), self.date);
        if signed < now_ms - SKEW_MS_MAX {
            let edge = basic(now_ms - SKEW_MS_MAX);
            return Err(invalid_signature(&format!(
                "Signature expired: {date} is now earlier than {edge} ({now} - 5 min.)"
            )));
        }
        if signed > now_ms + SKEW_MS_MAX {
            let edge = basic(now_ms + SKEW_MS_MAX);
            return Err(invalid_signature(&format!(
                "Signature not yet current: {date} is still later than {edge} ({now} + 5 min.)"
            )));
        }
        Ok(())
    }

    /// `host` and every `x-amz-*` header that came must have been signed, and what was signed must
    /// have come.
    fn check_signed_headers(&self, headers: &HeaderMap) -> Result<(), AwsError> {
        let signed: Vec<&str> = self.signed_headers.split(';').collect();
        for name in headers.keys().map(hyper::header::HeaderName::as_str) {
            if (name == "host" || name.starts_with("x-amz-")) && !signed.contains(&name) {
                return Err(invalid_signature(&format!(
                    "'{name}' must be a 'SignedHeader' in the AWS Authorization header."
                )));
            }
        }
        match signed.contains(&"host") {
            true => Ok(()),
            false => Err(invalid_signature(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization header.",
            )),
        }
    }

    /// The signature that this request should have.
    fn sign(&self, request: &Incoming<'_>, secret_key: &str) -> String {
        let canonical = self.canonical_request(request);
        let hash = hex(&Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{}\n{hash}", self.date, self.scope);
        let mut key = format!("AWS4{secret_key}").into_bytes();
        for part in self.scope.split('/') {
            key = hmac(&key, part);
        }
        hex(&hmac(&key, &to_sign))
    }

    fn canonical_request(&self, request: &Incoming<'_>) -> String {
        let mut query: Vec<&str> = request
            .query
            .split('&')
            .filter(|part| !part.is_empty())
            .collect();
        query.sort_unstable();
        let mut names: Vec<&str> = self.signed_headers.split(';').collect();
        names.sort_unstable();
        let headers: String = names
            .iter()
            .map(|name| canonical_header(request.headers, name))
            .collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            request.method,
            request.path,
            query.join("&"),
            names.join(";"),
            hex(&Sha256::digest(request.body)),
        )
    }
}

/// `name:value` and a line end; several values of one name joined, runs of blanks as one.
fn canonical_header(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    format!("{name}:{}\n", values.join(","))
}

/// A header's value, where it has one that is text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn incomplete(cause: &str, authorization: &str) -> AwsError {
    AwsError::new(
        "IncompleteSignatureException",
        format!("{cause} Authorization={authorization}"),
    )
}

fn invalid_signature(message: &str) -> AwsError {
    AwsError::new("InvalidSignatureException", message)
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    // Any length of key will do for HMAC, so this cannot fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time in the basic format of ISO 8601, in UTC.
fn basic(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}
