//! Stand-ins for those who give a pod its credentials: a container's endpoint (EKS Pod Identity), the
//! token service (STS, for web identities and roles), and instance metadata (IMDSv2), at one address.
//!
//! Each answer is a new pair of keys with a token, good for as long as the test says. What was asked
//! for is kept, so a test can see which way the agent went, and how often.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::cloudwatch::Credentials;

/// What a container has to show at its endpoint, and an instance's token.
pub const CONTAINER_TOKEN: &str = "container-token";
const INSTANCE_TOKEN: &str = "instance-token";
/// The web identity that the token service takes.
pub const WEB_IDENTITY: &str = "web-identity";
/// The role that it lets anybody assume.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/logs";
/// What the instance says of itself.
const IDENTITY: &str = r#"{ "accountId": "123456789012", "instanceId": "i-0123456789abcdef0",
    "region": "eu-central-1", "availabilityZone": "eu-central-1b", "instanceType": "m7g.large" }"#;
/// Longest body that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Whoever gives credentials. The address is served until the process ends.
pub struct Issuer {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

/// What is given as number so and so, from 1: so that a service can know it beforehand.
pub fn credentials(number: usize) -> Credentials {
    Credentials {
        session_token: Some(format!("token-{number}")),
        ..Credentials::new(&format!("ASIA{number}"), &format!("secret-{number}"))
    }
}

struct Books {
    good_for: Duration,
    /// What was asked for, such as `container` or `AssumeRole`, and what was given.
    given: Vec<(String, Credentials)>,
    /// Who asked the wrong way, and how.
    refused: Vec<String>,
}

impl Issuer {
    /// Gives credentials that are good for so long.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(good_for: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let address = listener.local_addr().expect("an address");
        let books = Arc::new(Mutex::new(Books {
            good_for,
            given: Vec::new(),
            refused: Vec::new(),
        }));
        let of_threads = books.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let books = of_threads.clone();
                std::thread::spawn(move || serve(&stream, &books));
            }
        });
        Issuer { address, books }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was given, in order, with what was asked for.
    ///
    /// # Panics
    /// When a thread of the stand-in did.
    pub fn given(&self) -> Vec<(String, Credentials)> {
        self.books.lock().expect("no thread panics").given.clone()
    }

    /// Who asked the wrong way.
    ///
    /// # Panics
    /// When a thread of the stand-in did.
    pub fn refused(&self) -> Vec<String> {
        self.books.lock().expect("no thread panics").refused.clone()
    }
}

struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut asked = Asked {
            method,
            path,
            headers,
            body: String::new(),
        };
        let length = asked.header("content-length").and_then(|l| l.parse().ok());
        let mut body = vec![0; length.unwrap_or(0).min(BODY_BYTES_MAX)];
        reader.read_exact(&mut body).ok()?;
        asked.body = String::from_utf8_lossy(&body).into_owned();
        Some(asked)
    }
}

fn serve(stream: &TcpStream, books: &Mutex<Books>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let asked = Asked::read(&mut reader)?;
        let (status, body) = answer(&asked, &mut *books.lock().ok()?);
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
             x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
            body.len()
        );
        writer.write_all(head.as_bytes()).ok()?;
        writer.write_all(body.as_bytes()).ok()?;
    }
}

fn answer(asked: &Asked, books: &mut Books) -> (u16, String) {
    let metadata = "/latest/meta-data/iam/security-credentials/";
    let instance = asked.header("x-aws-ec2-metadata-token") == Some(INSTANCE_TOKEN);
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/container") if asked.header("authorization") == Some(CONTAINER_TOKEN) => {
            (200, books.json("container"))
        }
        ("PUT", "/latest/api/token") => (200, INSTANCE_TOKEN.to_owned()),
        ("GET", "/latest/dynamic/instance-identity/document") if instance => {
            (200, IDENTITY.to_owned())
        }
        ("GET", path) if path == metadata && instance => (200, "node-role".to_owned()),
        ("GET", path) if path == format!("{metadata}node-role") && instance => {
            (200, books.json("instance"))
        }
        ("POST", "/") if asked.body.contains("Action=AssumeRoleWithWebIdentity&") => {
            let web = asked
                .body
                .contains(&format!("WebIdentityToken={WEB_IDENTITY}"));
            if web {
                (200, books.xml("AssumeRoleWithWebIdentity"))
            } else {
                books.refuse(asked)
            }
        }
        ("POST", "/") if asked.body.contains("Action=AssumeRole&") => {
            (200, books.xml("AssumeRole"))
        }
        _ => books.refuse(asked),
    }
}

impl Books {
    fn refuse(&mut self, asked: &Asked) -> (u16, String) {
        self.refused
            .push(format!("{} {}", asked.method, asked.path));
        (403, "this is not how one asks".to_owned())
    }

    fn issue(&mut self, asked: &str) -> (Credentials, String) {
        let credentials = credentials(self.given.len() + 1);
        self.given.push((asked.to_owned(), credentials.clone()));
        let until = jiff::Timestamp::try_from(SystemTime::now() + self.good_for);
        let until = format!("{:.0}", until.expect("a time"));
        (credentials, until)
    }

    fn json(&mut self, asked: &str) -> String {
        let (given, until) = self.issue(asked);
        serde_json::json!({
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": given.access_key,
            "SecretAccessKey": given.secret_key,
            "Token": given.session_token,
            "Expiration": until,
            "LastUpdated": "2026-01-01T00:00:00Z",
        })
        .to_string()
    }

    fn xml(&mut self, action: &str) -> String {
        let (given, until) = self.issue(action);
        let token = given.session_token.unwrap_or_default();
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
             <SessionToken>{token}</SessionToken><Expiration>{until}</Expiration></Credentials>\
             <AssumedRoleUser><Arn>{ROLE}</Arn><AssumedRoleId>AROA:logsieve</AssumedRoleId>\
             </AssumedRoleUser></{action}Result></{action}Response>",
            given.access_key, given.secret_key
        )
    }
}
