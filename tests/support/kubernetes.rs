//! A stand-in for the Kubernetes API server: lists and watches, as the real one was observed to.
//!
//! It keeps objects with resource versions and a history of changes, serves lists and watches with
//! selectors, bookmarks and metadata-only answers, checks tokens, takes Events, applied ConfigMaps
//! and patches, and has bad days: it forgets its history (410 inside a 200 stream), throttles, cuts
//! streams, goes away. It remembers each verb that was used, so that a test can hold them against
//! the rights that a chart asks for.
//!
//! One thread a connection, each answering one request: nobody measures this server.

mod connection;
mod request;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use store::Store;

/// The token that the server knows at first.
pub const TOKEN: &str = "the-first-token";

/// A running API server. Dropping it ends it.
pub struct FakeKubernetes {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    store: Store,
    token: String,
    /// Answers for the next requests, instead of right ones.
    faults: Vec<u16>,
    /// Connections are closed as soon as they are made.
    away: bool,
    /// How long every answer takes, and every line of a stream.
    slow: Duration,
    /// The version of the last bookmark that was sent.
    bookmarked: u64,
    /// Streams that began before the last cut end.
    cuts: u64,
    /// Verb and resource of each request that was let in.
    used: BTreeSet<(String, String)>,
    /// Where `pods/proxy` leads, by pod and port.
    proxies: BTreeMap<String, SocketAddr>,
    lists: usize,
    watches: usize,
}

impl FakeKubernetes {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When no port can be had.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback interface");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                store: Store::default(),
                token: TOKEN.to_owned(),
                faults: Vec::new(),
                away: false,
                slow: Duration::ZERO,
                bookmarked: 0,
                cuts: 0,
                used: BTreeSet::new(),
                proxies: BTreeMap::new(),
                lists: 0,
                watches: 0,
            }),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || accept(&listener, &of_thread));
        FakeKubernetes {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.shared.changed.notify_all();
        result
    }

    /// Creates an object, or puts it in the place of what was there.
    pub fn put(&self, resource: &str, object: Value) {
        self.change(|state| state.store.put(resource, object));
    }

    /// Deletes an object.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) {
        self.change(|state| state.store.delete(resource, namespace, name));
    }

    /// An object as it is now.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().store.get(resource, namespace, name)
    }

    /// All objects of a kind.
    pub fn all(&self, resource: &str) -> Vec<Value> {
        self.state().store.all(resource)
    }

    /// Forgets all changes so far: who asks for them is told 410, and lists again.
    pub fn forget_history(&self) {
        self.change(|state| state.store.forget_history());
    }

    /// Forgets all changes so far, as a server does in its own time: who is up to date need not list.
    pub fn compact(&self) {
        self.change(|state| state.store.compact());
    }

    /// The version of the latest change.
    pub fn version(&self) -> u64 {
        self.state().store.version()
    }

    /// The version of the last bookmark that was sent.
    pub fn bookmarked(&self) -> u64 {
        self.state().bookmarked
    }

    /// From now on every answer takes so long, and every line of a stream.
    pub fn set_slow(&self, slow: Duration) {
        self.change(|state| state.slow = slow);
    }

    /// Ends all streams in their midst.
    pub fn cut_streams(&self) {
        self.change(|state| state.cuts += 1);
    }

    /// Answers the next requests with these codes.
    pub fn fail_next(&self, codes: &[u16]) {
        self.change(|state| state.faults.extend(codes));
    }

    /// Goes away, streams and all, or comes back.
    pub fn set_away(&self, away: bool) {
        self.change(|state| {
            state.away = away;
            state.cuts += 1;
        });
    }

    /// From now on only this token is good; streams that are open go on.
    pub fn set_token(&self, token: &str) {
        self.change(|state| token.clone_into(&mut state.token));
    }

    /// Verb and resource of all requests so far.
    pub fn used(&self) -> BTreeSet<(String, String)> {
        self.state().used.clone()
    }

    /// Lets `pods/proxy` of this pod and port (`agent-0:9880`) lead somewhere.
    pub fn set_proxy(&self, pod_and_port: &str, to: SocketAddr) {
        self.change(|state| state.proxies.insert(pod_and_port.to_owned(), to));
    }

    /// How many lists and how many watches were asked for.
    pub fn lists_and_watches(&self) -> (usize, usize) {
        let state = self.state();
        (state.lists, state.watches)
    }
}

impl Drop for FakeKubernetes {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the server panics")
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        if shared.is_stopped() {
            return;
        }
        if shared.state().away {
            continue;
        }
        let shared = shared.clone();
        std::thread::spawn(move || {
            // A client that hangs up is no failure of the server's.
            let _ = connection::serve(stream, &shared);
        });
    }
}

/// A pod of this node as the API shows it, with one container `app`.
pub fn pod(node: &str, namespace: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": namespace, "uid": uid,
                      "labels": {}, "annotations": {} },
        "spec": { "nodeName": node,
                  "containers": [{ "name": "app", "image": "registry.example/app:1.0" }] },
        "status": { "phase": "Running" },
    })
}
