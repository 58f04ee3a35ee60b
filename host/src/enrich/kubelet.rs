//! Asks the node's own kubelet for its pods, in the place of a watch of the API server: for clusters so
//! large, or so strict, that no agent is to list all pods.
//!
//! Each answer is all pods of the node, so what changed is found by comparing. The right is `get` on
//! `nodes/pods`; `nodes/proxy`, which would allow to run commands in pods, is never needed. What
//! fails is tried again after a back-off, with a fresh client and so a fresh token: what is known
//! stays known meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher::Event;
use serde::Deserialize;

use super::client::{self, connect_to};
use super::pod::ApiPod;
use super::watch::{Retry, Seen, Watch};

const PORT: u16 = 10250;
/// A node has at most a few hundred pods of a few kilobytes each.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long the kubelet may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// It is asked no more often than this, whatever is configured.
const POLL_EVERY_MIN: Duration = Duration::from_millis(100);

/// How the node's kubelet is asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Its address; port 10250 of the node's where it is not given.
    pub server: Option<String>,
    /// Where a token is read from, again and again.
    pub token_file: PathBuf,
    /// What its certificate is checked against.
    pub ca_file: PathBuf,
    /// How long a change may go unnoticed.
    #[serde(with = "humantime_serde")]
    pub poll_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let account =
            |file| PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount").join(file);
        Self {
            server: None,
            token_file: account("token"),
            ca_file: account("ca.crt"),
            poll_every: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// The kubelet's address: as given, or that of the node.
    #[must_use]
    pub fn address(&self, node_ip: Option<String>) -> Option<String> {
        let of_node = |ip: String| match ip.contains(':') {
            true => format!("https://[{ip}]:{PORT}"),
            false => format!("https://{ip}:{PORT}"),
        };
        let node_ip = node_ip.filter(|ip| !ip.is_empty());
        self.server.clone().or_else(|| node_ip.map(of_node))
    }

    fn connect(&self) -> Result<Client, client::Error> {
        let server = self.server.as_deref().unwrap_or_default();
        let files = (Some(&*self.token_file), Some(&*self.ca_file));
        connect_to("kubelet.server", server, files)
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("the kubelet")]
    Ask(#[from] kube::Error),
    #[error("the kubelet does not answer in {PATIENCE:?}")]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error(
        "the kubelet refuses: the service account needs `get` on `nodes/pods` (Kubernetes 1.33)"
    )]
    Forbidden,
    #[error("the kubelet answers {0}")]
    Answer(http::StatusCode),
    #[error("the kubelet's answer")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the kubelet's answer")]
    Json(#[from] serde_json::Error),
}

/// What it answers, as far as it matters.
#[derive(Deserialize)]
struct Pods {
    items: Vec<ApiPod>,
}

impl Watch {
    /// Asks for pods for as long as the agent runs.
    pub async fn ask_kubelet(self) {
        let mut seen = Seen::new(self.clone());
        let mut retry = Retry::new(&self.node);
        let kubelet = &self.config.kubelet;
        let mut client = None;
        loop {
            match ask(kubelet, &mut client).await {
                Ok(pods) => {
                    retry.worked();
                    seen.take(Event::Init);
                    pods.items
                        .into_iter()
                        .map(Event::InitApply)
                        .for_each(|pod| seen.take(pod));
                    seen.take(Event::InitDone);
                    tokio::time::sleep(kubelet.poll_every.max(POLL_EVERY_MIN)).await;
                }
                Err(failure) => {
                    client = None;
                    self.failed(&failure, &mut retry).await;
                }
            }
        }
    }
}

async fn ask(kubelet: &Config, client: &mut Option<Client>) -> Result<Pods, Failure> {
    let client = match client {
        Some(client) => client,
        None => client.insert(kubelet.connect()?),
    };
    let answer = tokio::time::timeout(PATIENCE, answer(client)).await??;
    Ok(serde_json::from_slice(&answer)?)
}

async fn answer(client: &Client) -> Result<bytes::Bytes, Failure> {
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static("/pods");
    let response = client.send(request).await?;
    match response.status() {
        http::StatusCode::OK => {}
        http::StatusCode::FORBIDDEN => return Err(Failure::Forbidden),
        code => return Err(Failure::Answer(code)),
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let whole = body.collect().await.map_err(Failure::Body)?;
    Ok(whole.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelet_is_on_the_nodes_own_address() {
        let address = |ip: &str| Config::default().address(Some(ip.to_owned()));
        assert_eq!(
            address("10.0.0.7").as_deref(),
            Some("https://10.0.0.7:10250")
        );
        assert_eq!(
            address("fd00::7").as_deref(),
            Some("https://[fd00::7]:10250")
        );
        assert_eq!(address(""), None);
        let given = Config {
            server: Some("https://k:1".into()),
            ..Config::default()
        };
        assert_eq!(given.address(None).as_deref(), Some("https://k:1"));
    }
}
