//! Answers one request: a right answer, the next fault, or a stream of changes. Answers are written
//! by hand, since a stream that is cut in the midst of a chunk is nothing a library would send.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::request::{Request, Target};
use super::store::Selection;
use super::{Shared, State};

/// How long a stream waits before it looks whether it should end.
const LOOK: Duration = Duration::from_millis(20);
/// A quiet stream gets a bookmark so often: in looks.
const BOOKMARK_EVERY: u32 = 25;

pub fn serve(mut stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let request = Request::read(stream.try_clone()?)?;
    let slow = shared.state().slow;
    std::thread::sleep(slow);
    let mut state = shared.state();
    if !state.faults.is_empty() {
        let code = state.faults.remove(0);
        drop(state);
        return answer(&mut stream, code, &status(code, "a bad day"));
    }
    if request.header("authorization") != format!("Bearer {}", state.token) {
        drop(state);
        return answer(&mut stream, 401, &status(401, "Unauthorized"));
    }
    let Some(target) = request.target() else {
        drop(state);
        return answer(
            &mut stream,
            404,
            &status(404, "the server does not know this path"),
        );
    };
    let verb = request.verb(&target);
    state
        .used
        .insert((verb.to_owned(), target.resource.clone()));
    if target.resource == "pods/proxy" {
        let to = target
            .name
            .as_ref()
            .and_then(|name| state.proxies.get(name).copied());
        drop(state);
        return proxy(&mut stream, to);
    }
    if verb == "watch" {
        state.watches += 1;
        drop(state);
        return watch(&mut stream, &request, shared);
    }
    let (code, body) = state.answer(&request, &target, verb);
    drop(state);
    shared.changed.notify_all();
    answer(&mut stream, code, &body)
}

impl State {
    fn answer(&mut self, request: &Request, target: &Target, verb: &str) -> (u16, Value) {
        let Target {
            resource,
            namespace,
            name,
        } = target;
        let namespace = namespace.as_deref().unwrap_or_default();
        let body = || serde_json::from_slice::<Value>(&request.body).ok();
        match (verb, name.as_deref()) {
            ("list", _) => {
                self.lists += 1;
                let Some(selection) = Selection::of(request) else {
                    return (404, status(404, "not found"));
                };
                (200, self.store.list(&selection))
            }
            ("get", Some(name)) => match self.store.get(resource, namespace, name) {
                Some(object) => (200, object),
                None => (404, status(404, "not found")),
            },
            ("create", _) => {
                let Some(mut object) = body() else {
                    return (400, status(400, "no JSON"));
                };
                object["metadata"]["namespace"] = json!(namespace);
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if self.store.get(resource, namespace, name).is_some() {
                    return (409, status(409, "it exists"));
                }
                (201, self.store.put(resource, object))
            }
            ("patch", Some(name)) => {
                // What is applied comes as YAML, and our client's YAML is JSON.
                let Some(patch) = body() else {
                    return (400, status(400, "no JSON"));
                };
                let applied = request.header("content-type").contains("apply-patch");
                if !applied && self.store.get(resource, namespace, name).is_none() {
                    return (404, status(404, "not found"));
                }
                (200, self.store.merge(resource, namespace, name, patch))
            }
            _ => (405, status(405, "not supported by this stand-in")),
        }
    }
}

/// Hands on what the pod itself answers on `/status`.
fn proxy(stream: &mut TcpStream, to: Option<SocketAddr>) -> io::Result<()> {
    let Some(mut pod) = to.and_then(|to| TcpStream::connect(to).ok()) else {
        return answer(stream, 503, &status(503, "the pod does not answer"));
    };
    pod.write_all(b"GET /status HTTP/1.0\r\n\r\n")?;
    io::copy(&mut pod, stream).map(drop)
}

fn watch(stream: &mut TcpStream, request: &Request, shared: &Shared) -> io::Result<()> {
    let Some(selection) = Selection::of(request) else {
        return answer(stream, 404, &status(404, "not found"));
    };
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
          Connection: close\r\n\r\n",
    )?;
    let mut state = shared.state();
    let cuts = state.cuts;
    let from = request
        .query("resourceVersion")
        .and_then(|v| v.parse().ok());
    let mut version: u64 = from.unwrap_or(0);
    let mut quiet = 0;
    while !shared.is_stopped() && state.cuts == cuts {
        if state.store.has_forgotten(version) {
            drop(state);
            let gone =
                json!({ "type": "ERROR", "object": status(410, "too old resource version") });
            send(stream, &gone)?;
            return stream.write_all(b"0\r\n\r\n");
        }
        let changes = state.store.since(version, &selection);
        let mut lines: Vec<Value> = changes
            .map(|c| json!({ "type": c.kind, "object": selection.view(&c.object) }))
            .collect();
        version = state.store.version();
        let (slow, mut bookmark) = (state.slow, None);
        drop(state);
        quiet = if lines.is_empty() { quiet + 1 } else { 0 };
        if quiet == BOOKMARK_EVERY && request.query("allowWatchBookmarks") == Some("true") {
            quiet = 0;
            let metadata = json!({ "resourceVersion": version.to_string() });
            let object = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata });
            lines.push(json!({ "type": "BOOKMARK", "object": object }));
            bookmark = Some(version);
        }
        if !lines.is_empty() {
            std::thread::sleep(slow);
        }
        for line in &lines {
            send(stream, line)?;
        }
        state = shared.state();
        state.bookmarked = bookmark.unwrap_or(state.bookmarked);
        if state.store.version() == version {
            let waited = shared.changed.wait_timeout(state, LOOK);
            state = waited.expect("no thread of the server panics").0;
        }
    }
    // Cut in the midst of the body: the last chunk is missing.
    Ok(())
}

fn send(stream: &mut TcpStream, line: &Value) -> io::Result<()> {
    let text = format!("{line}\n");
    write!(stream, "{:x}\r\n{text}\r\n", text.len())
}

fn answer(stream: &mut TcpStream, code: u16, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {code} Answer\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn status(code: u16, message: &str) -> Value {
    let reason = match code {
        401 => "Unauthorized",
        404 => "NotFound",
        409 => "AlreadyExists",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code })
}
