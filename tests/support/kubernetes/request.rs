//! One HTTP request as it comes in, and what it asks of which objects: verb, resource, namespace and
//! name, as rights are given by.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

/// The longest body that is taken: a ConfigMap with its base64.
const BODY_BYTES_MAX: usize = 4 << 20;
const HEADERS_MAX: usize = 64;

pub struct Request {
    pub method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Which objects a request is about.
pub struct Target {
    pub resource: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

impl Request {
    pub fn read(stream: impl Read) -> io::Result<Self> {
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query.split('&').filter_map(|p| p.split_once('='));
        let query = query.map(|(k, v)| (k.to_owned(), decoded(v))).collect();
        let (method, path) = (method.to_owned(), path.to_owned());
        let mut headers = BTreeMap::new();
        for _ in 0..HEADERS_MAX {
            let mut line = String::new();
            lines.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|l| l.parse().ok());
        let mut body = vec![0; length.unwrap_or(0).min(BODY_BYTES_MAX)];
        lines.read_exact(&mut body)?;
        Ok(Self {
            method,
            path,
            query,
            headers,
            body,
        })
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn is_watch(&self) -> bool {
        self.query("watch").is_some_and(|w| w == "true" || w == "1")
    }

    /// The verb by which rights are given.
    pub fn verb(&self, target: &Target) -> &'static str {
        match (self.method.as_str(), &target.name) {
            ("GET", _) if self.is_watch() => "watch",
            ("GET", None) => "list",
            ("GET", Some(_)) => "get",
            ("POST", _) => "create",
            ("PATCH", _) => "patch",
            ("PUT", _) => "update",
            ("DELETE", _) => "delete",
            _ => "unknown",
        }
    }

    /// Reads `/api/v1/[namespaces/NAMESPACE/]RESOURCE[/NAME]`.
    pub fn target(&self) -> Option<Target> {
        let rest = self.path.strip_prefix("/api/v1/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        let text = |t: &str| Some(t.to_owned());
        let (resource, namespace, name) = match parts[..] {
            ["namespaces", namespace, resource] => (resource, text(namespace), None),
            ["namespaces", namespace, resource, name, "proxy", _] => {
                let resource = format!("{resource}/proxy");
                return Some(Target {
                    resource,
                    namespace: text(namespace),
                    name: text(name),
                });
            }
            ["namespaces", namespace, resource, name] => (resource, text(namespace), text(name)),
            [resource] => (resource, None, None),
            [resource, name] => (resource, None, text(name)),
            _ => return None,
        };
        Some(Target {
            resource: resource.to_owned(),
            namespace,
            name,
        })
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => b'?',
            },
            plain => plain,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
