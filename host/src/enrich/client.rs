//! A client for the API server: by the pod's service account, or as the configuration says.
//!
//! Its own retries are off: it would try a refused request 15 times before anybody hears of it, and
//! the watch has a better back-off, with which it also comes back with a fresh token.

use kube::config::AuthInfo;
use kube::{Client, Config};

use super::PodsConfig;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`enrich.pods.server`: `{server}` is no address")]
    Server {
        server: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the pod's service account is not to be had")]
    Account(#[source] kube::config::InClusterError),
    #[error("no client for the API server")]
    Client(#[source] kube::Error),
}

/// Makes a client; the token is read from its file now, and once a minute from then on.
///
/// # Errors
/// When there is no server, or a file of the account cannot be read.
pub fn connect(config: &PodsConfig) -> Result<Client, Error> {
    let mut to = match &config.server {
        Some(server) => given(config, server)?,
        None => Config::incluster().map_err(Error::Account)?,
    };
    to.default_retry = false;
    Client::try_from(to).map_err(Error::Client)
}

fn given(config: &PodsConfig, server: &str) -> Result<Config, Error> {
    let address = server.parse().map_err(|source| Error::Server {
        server: server.to_owned(),
        source: Box::new(source),
    })?;
    let mut to = Config::new(address);
    to.root_cert_file.clone_from(&config.ca_file);
    to.auth_info = AuthInfo {
        token_file: config.token_file.as_ref().map(|f| f.display().to_string()),
        ..AuthInfo::default()
    };
    Ok(to)
}
