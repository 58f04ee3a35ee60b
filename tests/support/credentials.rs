//! The endpoint from which a container fetches its credentials, as EKS Pod Identity has it.
//!
//! It hands out what the test says, to be valid for as long as the test says: whether the service
//! still takes it is another matter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::cloudwatch::Credentials;

/// Longest request that is read.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A running endpoint. Dropping it ends it.
pub struct CredentialsEndpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    current: Mutex<(Credentials, Duration)>,
    fetched: AtomicUsize,
    ended: AtomicBool,
}

impl CredentialsEndpoint {
    /// Hands out these credentials, each time valid for so long from then on.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start(credentials: Credentials, valid_for: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            current: Mutex::new((credentials, valid_for)),
            fetched: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of_thread.ended.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away is its own business.
                answer(stream, &of_thread).ok();
            }
        });
        CredentialsEndpoint {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// Hands out others from now on.
    pub fn set(&self, credentials: Credentials, valid_for: Duration) {
        *self.shared.current.lock().expect("nobody panics") = (credentials, valid_for);
    }

    /// How often credentials were fetched.
    pub fn fetched(&self) -> usize {
        self.shared.fetched.load(Ordering::SeqCst)
    }

    /// What `AWS_CONTAINER_CREDENTIALS_FULL_URI` has to be.
    pub fn url(&self) -> String {
        format!("http://{}/credentials", self.address)
    }
}

impl Drop for CredentialsEndpoint {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // So that it looks.
        TcpStream::connect(self.address).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    shared.fetched.fetch_add(1, Ordering::SeqCst);
    let (credentials, valid_for) = shared.current.lock().expect("nobody panics").clone();
    let body = serde_json::json!({
        "AccessKeyId": credentials.access_key,
        "SecretAccessKey": credentials.secret_key,
        "Token": credentials.session_token,
        "Expiration": expiration(valid_for),
    })
    .to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn expiration(valid_for: Duration) -> String {
    let time = jiff::Timestamp::try_from(SystemTime::now() + valid_for);
    let time = time.expect("it is after 1970");
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
