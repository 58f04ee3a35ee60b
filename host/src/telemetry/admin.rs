//! The admin page: `/healthz` (the process answers), `/readyz` (every chain has its filters),
//! `/metrics` (Prometheus).

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::metrics::Metrics;

/// Serves until the runtime ends.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let ready = metrics.clone();
    let app = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|| async move {
                if ready.ready.get() == 1 {
                    (StatusCode::OK, "ready\n")
                } else {
                    let why = "a chain has no module yet: see `logsieve_ready` and the log\n";
                    (StatusCode::SERVICE_UNAVAILABLE, why)
                }
            }),
        )
        .route(
            "/metrics",
            get(|| async move {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                ([(header::CONTENT_TYPE, kind)], metrics.text()).into_response()
            }),
        );
    axum::serve(listener, app).await
}
