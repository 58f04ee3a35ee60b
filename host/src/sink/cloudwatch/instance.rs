//! What EC2's metadata service tells of the machine, as facts of every container on it: whose account,
//! which instance, where. An entity names some of them, and filters and templates may ask for all.
//!
//! Asked once, at the start, and not for long: a pod that may not ask (a hop limit of 1) starts
//! without, and the agent says so.

use std::time::Duration;

use aws_config::imds::client::Client;
use aws_config::provider_config::ProviderConfig;
use serde::Deserialize;

use crate::record::Facts;

const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
/// How long all of it may take: files are opened behind it.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the instance metadata service does not answer in {PATIENCE:?}")]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error("the instance metadata service")]
    Ask(#[source] Box<aws_config::imds::client::error::ImdsError>),
    #[error("the instance's identity document")]
    Document(#[from] serde_json::Error),
}

/// The identity document, as far as it has OpenTelemetry's names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    account_id: String,
    region: String,
    availability_zone: String,
    instance_id: String,
    instance_type: String,
    image_id: String,
}

/// Facts of the machine.
///
/// # Errors
/// When the service does not answer, or tells something else.
pub async fn facts() -> Result<Facts, Error> {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let provider = ProviderConfig::default().with_http_client(http);
    let client = Client::builder()
        .configure(&provider)
        .max_attempts(1)
        .build();
    let document = tokio::time::timeout(PATIENCE, client.get(DOCUMENT)).await?;
    let document = document.map_err(|error| Error::Ask(Box::new(error)))?;
    read(document.as_ref())
}

fn read(document: &str) -> Result<Facts, Error> {
    let document: Document = serde_json::from_str(document)?;
    let all = [
        ("cloud.provider", "aws".to_owned()),
        ("cloud.account.id", document.account_id),
        ("cloud.region", document.region),
        ("cloud.availability_zone", document.availability_zone),
        ("host.id", document.instance_id),
        ("host.type", document.instance_type),
        ("host.image.id", document.image_id),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(known
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_document_tells_has_opentelemetrys_names() {
        let facts = read(
            r#"{ "accountId": "123456789012", "instanceId": "i-0abc", "region": "eu-central-1",
                 "privateIp": "10.0.0.7", "billingProducts": null }"#,
        )
        .unwrap();
        let fact = |name: &str| facts.get(name).map(String::as_str);
        assert_eq!(fact("cloud.account.id"), Some("123456789012"));
        assert_eq!(fact("host.id"), Some("i-0abc"));
        assert_eq!(fact("host.type"), None);
        assert!(read("<html>").is_err());
    }
}
