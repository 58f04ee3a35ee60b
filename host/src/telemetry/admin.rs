//! The admin page: `/healthz` (nothing is wedged), `/readyz` (every chain has its filters),
//! `/metrics` (Prometheus), `/status` (JSON, see `record::status`).
//!
//! It only reads: the agent tells it what is wedged, and what the status is. Whoever reaches the port may
//! connect, so connections are few, and one more takes the place of the oldest: a probe, which asks at once,
//! is answered however many others say nothing.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::metrics::Metrics;
use crate::record::status::Status;

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take to come, the wait for the next one included.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// Bytes of a request that are kept, at most.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long nothing is accepted after that failed: descriptors are used up, say.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A status that is being asked for.
pub type Asked = Pin<Box<dyn Future<Output = Status> + Send>>;

/// What the page shows.
#[derive(Clone)]
pub struct Admin {
    pub metrics: Arc<Metrics>,
    /// What is wedged, if something is.
    pub wedged: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    pub status: Arc<dyn Fn() -> Asked + Send + Sync>,
}

/// Serves until the runtime ends.
pub async fn serve(listener: TcpListener, admin: Admin) {
    let page = page(admin);
    let mut connections: VecDeque<JoinHandle<()>> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= CONNECTIONS_MAX
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        connections.push_back(tokio::spawn(answer(stream, page.clone())));
    }
}

async fn answer(stream: TcpStream, page: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(page));
    // Whoever asks may go away, or talk nonsense.
    let _ = connection.await;
}

fn page(admin: Admin) -> Router {
    let Admin {
        metrics,
        wedged,
        status,
    } = admin;
    let ready = metrics.clone();
    Router::new()
        .route(
            "/healthz",
            get(|| async move {
                match wedged() {
                    None => (StatusCode::OK, "ok\n".to_owned()),
                    Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")),
                }
            }),
        )
        .route(
            "/readyz",
            get(|| async move {
                if ready.ready.get() == 1 {
                    (StatusCode::OK, "ready\n".to_owned())
                } else {
                    let mut why = ready.swaps.not_ready();
                    why.insert(0, "not ready: not every chain has its filters".into());
                    (StatusCode::SERVICE_UNAVAILABLE, why.join("\n") + "\n")
                }
            }),
        )
        .route(
            "/metrics",
            get(|| async move {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], metrics.text()).into_response()
            }),
        )
        .route("/status", get(|| async move { Json(status().await) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn start() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let admin = Admin {
            metrics: Arc::default(),
            wedged: Arc::new(|| None),
            status: Arc::new(|| Box::pin(async { Status::default() })),
        };
        tokio::spawn(serve(listener, admin));
        address
    }

    #[tokio::test]
    async fn a_probe_is_answered_however_many_connections_say_nothing() {
        let address = start().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX * 3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /metrics HTT").await.unwrap();
            silent.push(stream);
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        probe.write_all(request).await.unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // All that came before the last 64 are closed: none of these reads waits.
        for stream in &mut silent[..CONNECTIONS_MAX * 2] {
            let read = stream.read(&mut [0; 1]).await;
            assert_eq!(read.unwrap_or(0), 0);
        }
    }
}
