//! A client for the API server: by the pod's service account, or as the configuration says.
//!
//! Its own retries are off: it would try a refused request 15 times before anybody hears of it, and
//! the watch has a better back-off, with which it also comes back with a fresh token.

use std::path::Path;

use kube::config::AuthInfo;
use kube::{Client, Config};

use super::PodsConfig;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`enrich.pods.{key}`: `{server}` is no address")]
    Server {
        key: &'static str,
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
    if let Some(server) = &config.server {
        let files = (config.token_file.as_deref(), config.ca_file.as_deref());
        return connect_to("server", server, files);
    }
    let mut to = Config::incluster().map_err(Error::Account)?;
    to.default_retry = false;
    Client::try_from(to).map_err(Error::Client)
}

/// A client for a server that is no API server, as picky about certificates.
///
/// # Errors
/// As [`connect`]; `key` names its address in the configuration.
pub fn connect_to(
    key: &'static str,
    server: &str,
    files: (Option<&Path>, Option<&Path>),
) -> Result<Client, Error> {
    let mut to = given(key, server, files)?;
    to.default_retry = false;
    Client::try_from(to).map_err(Error::Client)
}

fn given(
    key: &'static str,
    server: &str,
    (token, ca): (Option<&Path>, Option<&Path>),
) -> Result<Config, Error> {
    let address = server.parse().map_err(|source| Error::Server {
        key,
        server: server.to_owned(),
        source: Box::new(source),
    })?;
    let mut to = Config::new(address);
    to.root_cert_file = ca.map(Path::to_owned);
    to.auth_info = AuthInfo {
        token_file: token.map(|file| file.display().to_string()),
        ..AuthInfo::default()
    };
    Ok(to)
}
