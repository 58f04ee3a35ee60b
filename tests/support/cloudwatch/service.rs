//! What happens to one HTTP request: fault, signature, operation, answer, in that order.
//!
//! `GET /_fake/events` and `GET /_fake/requests` show what the service holds, as JSON lines; they
//! need no signature and are not requests in the sense of the books.

use std::convert::Infallible;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming as IncomingBody;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response};
use serde::Serialize;
use serde_json::Value;

use super::Shared;
use super::answer::{Answer, Step};
use super::connection::Cut;
use super::error::AwsError;
use super::operations::{self, TARGET_PREFIX};
use super::requests::RequestSummary;
use super::script::{About, Fault, StatusBody};
use super::signature::{self, Incoming};

/// Longest body that is read: a full batch in which every byte is escaped to six, and its frame.
const BODY_BYTES_MAX: usize = 8 << 20;

/// The content type of every answer of the service.
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What goes back: status, content type, body.
struct Reply {
    status: u16,
    content_type: &'static str,
    steps: Vec<Step>,
}

impl Reply {
    fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Reply {
            status,
            content_type,
            steps: vec![Step::Send(body.into())],
        }
    }

    fn error(error: &AwsError) -> Self {
        Reply::new(error.status, CONTENT_TYPE, error.body())
    }
}

/// Answers a request that came on connection number `connection`.
pub async fn answer(
    request: Request<IncomingBody>,
    connection: u64,
    shared: Arc<Shared>,
    cut: Arc<Cut>,
) -> Result<Response<Answer>, Infallible> {
    let reply = match (request.method(), request.uri().path()) {
        (&Method::GET, path) if path.starts_with("/_fake/") => show(path, &shared),
        _ => serve(request, connection, &shared, &cut).await,
    };
    let request_id = format!("00000000-0000-4000-8000-{:012x}", shared.elapsed_us());
    let response = Response::builder()
        .status(reply.status)
        .header("content-type", reply.content_type)
        .header("x-amzn-requestid", request_id)
        .header("date", httpdate::fmt_http_date(shared.now()));
    Ok(response
        .body(Answer::new(reply.steps, cut))
        .expect("every part of the answer is valid"))
}

/// The books, as JSON lines.
fn show(path: &str, shared: &Shared) -> Reply {
    let state = shared.state();
    let body = match path {
        "/_fake/events" => json_lines(state.store.events()),
        "/_fake/requests" => json_lines(&state.requests),
        _ => {
            return Reply::new(
                404,
                "text/plain",
                "there are /_fake/events and /_fake/requests\n",
            );
        }
    };
    Reply::new(200, "application/jsonl", body)
}

fn json_lines<T: Serialize>(items: &[T]) -> String {
    let line = |item| serde_json::to_string(item).expect("the books are plain data") + "\n";
    items.iter().map(line).collect()
}

async fn serve(
    request: Request<IncomingBody>,
    connection: u64,
    shared: &Shared,
    cut: &Cut,
) -> Reply {
    let operation = header(request.headers(), "x-amz-target")
        .and_then(|target| target.strip_prefix(TARGET_PREFIX))
        .unwrap_or_default()
        .to_owned();
    let number = shared.begin(connection, &operation);
    let early = shared.state().early_fault(&operation);
    if let Some(fault) = early {
        shared.update(number, |summary| summary.fault = Some(name(&fault)));
        return strike_early(&fault, request, cut).await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX)
        .collect()
        .await
        .map(|body| body.to_bytes())
    else {
        let message = "Content is too large.".to_owned();
        let code = "RequestEntityTooLargeException".to_owned();
        return finish(
            shared,
            number,
            Err(AwsError {
                status: 413,
                code,
                message,
            }),
        );
    };
    let plain = decode(&head.headers, &body);
    let log_group = plain
        .as_ref()
        .ok()
        .and_then(|plain| operations::log_group_of(plain));
    shared.update(number, |summary| {
        summary.body_bytes = body.len();
        summary.gzip = header(&head.headers, "content-encoding") == Some("gzip");
        summary.logs_format = header(&head.headers, "x-amzn-logs-format").map(str::to_owned);
        summary.log_group.clone_from(&log_group);
    });
    let about = About {
        log_group: log_group.as_deref(),
        body: plain.as_deref().unwrap_or_default(),
    };
    let late = shared.state().late_fault(&operation, &about);
    if let Some(fault) = &late {
        shared.update(number, |summary| summary.fault = Some(name(fault)));
        if let Some(reply) = refuse(fault, shared, number).await {
            return reply;
        }
    }
    let reply = finish(shared, number, run(shared, number, &head, &body, plain));
    match late {
        Some(fault) => spoil(reply, &fault, cut, shared, number).await,
        None => reply,
    }
}

/// Checks the request, and runs its operation.
fn run(
    shared: &Shared,
    number: u64,
    head: &Parts,
    body: &Bytes,
    plain: Result<Bytes, AwsError>,
) -> Result<Option<Value>, AwsError> {
    if head.method != Method::POST || head.uri.path() != "/" {
        return Err(AwsError {
            status: 404,
            ..AwsError::unknown_operation()
        });
    }
    let mut state = shared.state();
    if let Some(region) = &shared.region {
        let incoming = Incoming {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        signature::check(&incoming, &state.credentials, region, shared.now_ms())?;
    }
    if header(&head.headers, "content-type") != Some(CONTENT_TYPE) {
        return Err(AwsError {
            status: 404,
            ..AwsError::unknown_operation()
        });
    }
    let mut summary = state.requests[number as usize].clone();
    let operation = summary.operation.clone();
    let plain = plain?;
    let result = operations::run(
        &mut state.store,
        &operation,
        &plain,
        shared.now_ms(),
        &mut summary,
    );
    state.requests[number as usize] = summary;
    result
}

/// Writes down what came of a request, and makes the answer.
fn finish(shared: &Shared, number: u64, result: Result<Option<Value>, AwsError>) -> Reply {
    let reply = match &result {
        Ok(Some(answer)) => Reply::new(200, CONTENT_TYPE, answer.to_string()),
        Ok(None) => Reply::new(200, CONTENT_TYPE, ""),
        Err(error) => Reply::error(error),
    };
    let ended = shared.elapsed_us();
    shared.update(number, |summary| {
        summary.status = Some(reply.status);
        summary.error = result.err().map(|error| error.code);
        summary.ended_us = Some(ended);
    });
    reply
}

/// The body as JSON: unpacked, where it was packed.
fn decode(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, AwsError> {
    match header(headers, "content-encoding") {
        None | Some("identity") => Ok(body.clone()),
        Some("gzip") => {
            let mut plain = Vec::new();
            let mut reader =
                flate2::read::MultiGzDecoder::new(&body[..]).take(BODY_BYTES_MAX as u64);
            reader
                .read_to_end(&mut plain)
                .map_err(|error| AwsError::serialization(error.to_string()))?;
            Ok(plain.into())
        }
        Some(other) => Err(AwsError::serialization(format!(
            "content encoding `{other}`"
        ))),
    }
}

/// A fault that strikes before the body has come.
async fn strike_early(fault: &Fault, request: Request<IncomingBody>, cut: &Cut) -> Reply {
    if let Fault::ResetRequest = fault {
        // A piece of the body, so that the client is in the middle of sending.
        request.into_body().frame().await;
        cut.reset();
    } else {
        cut.close();
    }
    std::future::pending().await
}

/// A fault that stands in place of the operation; nothing is stored.
async fn refuse(fault: &Fault, shared: &Shared, number: u64) -> Option<Reply> {
    let error = match fault {
        Fault::Throttle | Fault::Quota { .. } => AwsError::throttling(),
        Fault::ExpiredToken => AwsError::expired_token(),
        Fault::Error { code, message } => AwsError::new(code, message.clone()),
        Fault::Status { status, body } => {
            let (content_type, text) = status_body(*body);
            let code = "status".to_owned();
            let error = AwsError {
                status: *status,
                code,
                message: String::new(),
            };
            finish(shared, number, Err(error));
            return Some(Reply::new(*status, content_type, text));
        }
        Fault::Hang => std::future::pending().await,
        _ => return None,
    };
    Some(finish(shared, number, Err(error)))
}

/// A fault that the request meets after it was stored.
async fn spoil(mut reply: Reply, fault: &Fault, cut: &Cut, shared: &Shared, number: u64) -> Reply {
    let Some(Step::Send(body)) = reply.steps.pop() else {
        return reply;
    };
    match fault {
        Fault::StoreThenDrop => {
            cut.close();
            std::future::pending().await
        }
        Fault::StoreThenHang => std::future::pending().await,
        Fault::RejectEntity { error_type } => {
            let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            answer["rejectedEntityInfo"] = serde_json::json!({ "errorType": error_type });
            Reply::new(reply.status, CONTENT_TYPE, answer.to_string())
        }
        Fault::ResetAnswer => {
            let half = body.slice(..body.len() / 2);
            let unsent = (body.len() - half.len()) as u64;
            reply.steps = vec![
                Step::Send(half),
                // So that the client is in the middle of reading.
                Step::Wait(Duration::from_millis(20)),
                Step::Reset {
                    unsent: unsent.max(1),
                },
            ];
            reply
        }
        Fault::Slow { milliseconds } => {
            // Most of it before the answer begins, the rest between its pieces.
            tokio::time::sleep(Duration::from_millis(milliseconds * 3 / 4)).await;
            let ended = shared.elapsed_us();
            shared.update(number, |summary| summary.ended_us = Some(ended));
            let pieces = 4;
            let pause = Duration::from_millis(milliseconds / 4 / pieces);
            let size = body.len().div_ceil(pieces as usize).max(1);
            let piece =
                |piece: &[u8]| [Step::Wait(pause), Step::Send(Bytes::copy_from_slice(piece))];
            reply.steps = body.chunks(size).flat_map(piece).collect();
            reply
        }
        Fault::WrongContentType => Reply::new(
            200,
            "text/html",
            "<html><body>Welcome to the proxy</body></html>",
        ),
        Fault::GiantAnswer { bytes } => {
            let (open, close) = (r#"{"nextSequenceToken":""#, r#""}"#);
            let padding = bytes.saturating_sub((open.len() + close.len()) as u64);
            reply.steps = vec![
                Step::Send(open.into()),
                Step::Pad(padding),
                Step::Send(close.into()),
            ];
            reply
        }
        _ => {
            reply.steps.push(Step::Send(body));
            reply
        }
    }
}

fn status_body(body: StatusBody) -> (&'static str, &'static str) {
    match body {
        StatusBody::Empty => ("text/plain", ""),
        StatusBody::Json => (CONTENT_TYPE, r#"{"__type":"ServiceUnavailableException"}"#),
        StatusBody::Html => ("text/html", "<html><body>Bad gateway</body></html>"),
        StatusBody::XmlThrottling => (
            "text/xml",
            "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
        ),
        StatusBody::Xml => (
            "text/xml",
            "<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>Slow down</Message></Error></ErrorResponse>",
        ),
    }
}

/// A fault's name in the books: its `kind`.
fn name(fault: &Fault) -> String {
    let value = serde_json::to_value(fault).unwrap_or_default();
    value["kind"].as_str().unwrap_or_default().to_owned()
}

/// A header's value, where it is text.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl RequestSummary {
    /// A request whose head has just come.
    pub(super) fn begun(number: u64, connection: u64, operation: &str, began_us: u64) -> Self {
        let operation = operation.to_owned();
        RequestSummary {
            number,
            connection,
            operation,
            began_us,
            ..Self::default()
        }
    }
}
