//! One connection: HTTP/1.1 until either side closes it, or a fault cuts it.
//!
//! A fault asks through [`Cut`] and then waits for ever; the connection's task does the cutting,
//! because only it has the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::Shared;
use super::service;

/// The wish of a fault to end its connection.
#[derive(Debug, Default)]
pub struct Cut {
    wish: Notify,
    reset: AtomicBool,
}

impl Cut {
    /// Closes the connection as if the peer had gone in good order.
    pub fn close(&self) {
        self.wish.notify_one();
    }

    /// Resets the connection: the peer sees `connection reset by peer`.
    pub fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
        self.wish.notify_one();
    }
}

/// Serves one connection to its end.
pub async fn serve(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    let cut = Arc::new(Cut::default());
    let answer =
        service_fn(|request| service::answer(request, number, shared.clone(), cut.clone()));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        // A client that goes away in the middle is its own business.
        _ = &mut connection => {}
        () = cut.wish.notified() => {
            let stream = connection.into_parts().io.into_inner();
            if cut.reset.load(Ordering::SeqCst) {
                // Closing a socket that lingers for no time at all sends RST instead of FIN.
                stream.set_zero_linger().ok();
            }
        }
    }
}
