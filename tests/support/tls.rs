//! A certificate for servers of tests at 127.0.0.1, made for them and good for nothing else, and another
//! that none of them shows.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client has to trust.
pub const CERTIFICATE: &str = include_str!("tls/cert.pem");
/// What it trusts in vain.
pub const OTHER_CERTIFICATE: &str = include_str!("tls/other.pem");
/// Its key.
pub const KEY: &str = include_str!("tls/key.pem");

/// Takes connections over TLS.
#[derive(Clone)]
pub struct Acceptor(Arc<ServerConfig>);

impl Default for Acceptor {
    /// # Panics
    /// When the certificate is none.
    fn default() -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("PEM");
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        Self(Arc::new(config.expect("a certificate and its key")))
    }
}

impl Acceptor {
    /// # Panics
    /// When no connection can be made of the configuration.
    pub fn accept<S: std::io::Read + std::io::Write>(
        &self,
        stream: S,
    ) -> StreamOwned<ServerConnection, S> {
        let tls = ServerConnection::new(self.0.clone()).expect("a connection");
        StreamOwned::new(tls, stream)
    }
}
