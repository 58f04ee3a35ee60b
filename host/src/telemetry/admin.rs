//! The admin page: `/healthz` (nothing is wedged), `/readyz` (every chain has its filters),
//! `/metrics` (Prometheus), `/status` (JSON, see `record::status`).
//!
//! It only reads: the agent tells it what is wedged, and what the status is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::metrics::Metrics;
use crate::record::status::Status;

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
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, admin: Admin) -> std::io::Result<()> {
    let Admin {
        metrics,
        wedged,
        status,
    } = admin;
    let ready = metrics.clone();
    let app = Router::new()
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
        .route("/status", get(|| async move { Json(status().await) }));
    axum::serve(listener, app).await
}
