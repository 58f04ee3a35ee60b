//! Access logs of nginx and Apache, in the common and the combined format:
//! `1.2.3.4 - jane [24/Nov/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 123 "referer" "agent"`.
//!
//! What stands behind the combined format's fields (nginx's `"$http_x_forwarded_for"`, say) goes to `rest`.

use crate::json::Object;

pub(crate) fn parse(text: &str) -> Option<Object> {
    let (client, rest) = text.split_once(' ')?;
    let (_ident, rest) = rest.split_once(' ')?;
    let (user, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let (status, bytes) = (words.next()?, words.next().unwrap_or("-"));
    if client.is_empty() || user.contains(' ') || status.len() != 3 {
        return None;
    }
    let mut object = Object::new();
    object.text("client", client);
    some(&mut object, "user", user);
    object.text("time", time);
    request_line(&mut object, request);
    object.number("status", status);
    if bytes != "-" {
        object.number("bytes", bytes);
    }
    let rest = words.next().unwrap_or_default();
    tail(&mut object, rest);
    Some(object)
}

fn request_line(object: &mut Object, request: &str) {
    let mut words = request.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(path), Some(protocol), None) => {
            object.text("method", method);
            object.text("path", path);
            object.text("protocol", protocol);
        }
        // Whatever a port scanner sent.
        _ => some(object, "request", request),
    }
}

/// What the combined format has more: referer and agent in quotes.
fn tail(object: &mut Object, mut rest: &str) {
    for name in ["referer", "agent"] {
        let Some((value, after)) = rest.trim_start().strip_prefix('"').and_then(quoted) else {
            break;
        };
        some(object, name, value);
        rest = after;
    }
    some(object, "rest", rest.trim());
}

fn some(object: &mut Object, name: &str, value: &str) {
    if !value.is_empty() && value != "-" {
        object.text(name, value);
    }
}

/// Up to the next quote that no backslash is before, and what stands behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    })?;
    Some((&text[..end.0], &text[end.0 + 1..]))
}
