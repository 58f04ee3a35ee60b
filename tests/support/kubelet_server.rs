//! A stand-in for the kubelet's own server: `/pods` over TLS, for whoever shows the token and has the
//! right. One thread a connection, each answering one request.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::tls::Acceptor;

/// The token that it knows at first.
pub const TOKEN: &str = "the-first-token";
const HEADERS_MAX: usize = 64;

/// A kubelet. Its address is served until the process ends.
pub struct KubeletServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    pods: Vec<Value>,
    token: String,
    /// Answers for the next requests, instead of right ones.
    faults: Vec<u16>,
    /// Paths that were asked for with the right token.
    asked: Vec<String>,
}

impl KubeletServer {
    /// # Panics
    /// When no port can be had.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let address = listener.local_addr().expect("it has an address");
        let state = Arc::new(Mutex::new(State {
            pods: Vec::new(),
            token: TOKEN.to_owned(),
            faults: Vec::new(),
            asked: Vec::new(),
        }));
        let (of_threads, acceptor) = (state.clone(), Acceptor::default());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, acceptor) = (of_threads.clone(), acceptor.clone());
                // A client that hangs up is no failure of the server's.
                std::thread::spawn(move || serve(&acceptor, stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the server panics")
    }

    /// Runs a pod, or the same with something changed.
    pub fn put(&self, pod: Value) {
        let mut state = self.state();
        let uid = |pod: &Value| pod["metadata"]["uid"].clone();
        state.pods.retain(|known| uid(known) != uid(&pod));
        state.pods.push(pod);
    }

    /// Ends a pod.
    pub fn remove(&self, name: &str) {
        self.state()
            .pods
            .retain(|pod| pod["metadata"]["name"] != name);
    }

    /// From now on only this token is good.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut self.state().token);
    }

    /// Answers the next requests with these codes.
    pub fn fail_next(&self, codes: &[u16]) {
        self.state().faults.extend(codes);
    }

    /// Paths that were asked for with the right token.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }
}

fn serve(acceptor: &Acceptor, stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut stream = BufReader::new(acceptor.accept(stream));
    let (path, token) = request(&mut stream)?;
    let mut state = state.lock().map_err(|_| io::ErrorKind::Other)?;
    let (code, body) = if !state.faults.is_empty() {
        (state.faults.remove(0), "a bad day".to_owned())
    } else if token != format!("Bearer {}", state.token) {
        (401, "Unauthorized".to_owned())
    } else {
        state.asked.push(path.clone());
        match path.trim_end_matches('?') {
            "/pods" => {
                // As the real one: without the items' own kind.
                let list = json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {},
                                   "items": state.pods });
                (200, list.to_string())
            }
            _ => (403, "Forbidden".to_owned()),
        }
    };
    drop(state);
    let length = body.len();
    write!(
        stream.get_mut(),
        "HTTP/1.1 {code} Answer\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.get_mut().conn.send_close_notify();
    stream.get_mut().flush()
}

/// A request's path, and what it shows for itself.
fn request(stream: &mut impl BufRead) -> io::Result<(String, String)> {
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let path = first
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut token = String::new();
    for line in stream.by_ref().lines().take(HEADERS_MAX) {
        let line = line?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut token);
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok((path, token))
}
