//! What is sent is what the SDK would have sent, down to the headers and what of them is signed; a server that
//! tells the heads of requests shows both. The rest is tried against the fake service, in `tests/cloudwatch`.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::config::{Credentials, SharedCredentialsProvider};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::Config;
use super::super::client::Connection;
use super::*;

/// Headers that came with a request, in order of their names, which are lower case.
type Head = Vec<(String, String)>;

/// Answers every request with `{}`, and tells the heads of all.
async fn serve(stream: TcpStream, heads: UnboundedSender<Head>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (Head::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or(("", &line));
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            if name == "content-length" {
                length = value.parse().unwrap();
            }
            head.push((name, value));
        }
        stream.read_exact(&mut vec![0; length]).await?;
        head.sort_unstable();
        heads.send(head).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .await?;
    }
}

/// A service, and what speaks to it.
async fn start(config: Config) -> (Connection, UnboundedReceiver<Head>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (to, heads) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, to.clone()));
        }
    });
    let token = Some("a-token".to_owned());
    let credentials = Credentials::new("ASIATEST", "secret", token, None, "test");
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url(format!("{url}/some/path"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    (Connection::with(&shared, &config, Clock::start()), heads)
}

/// What two requests have in common; of the signature, by whom and of what it is.
fn common(head: Head) -> Head {
    let differs = ["amz-sdk-invocation-id", "amz-sdk-request", "x-amz-date"];
    let mut head = head;
    head.retain(|(name, _)| !differs.contains(&name.as_str()));
    for (name, value) in &mut head {
        if name == "authorization" {
            let (signed, _) = value.split_once(", Signature=").unwrap();
            let own = differs.map(|name| format!("{name};"));
            *value = own.iter().fold(signed.to_owned(), |s, o| s.replace(o, ""));
        }
    }
    head
}

#[tokio::test]
async fn what_is_sent_is_what_the_sdk_would_have_sent() {
    let (connection, mut heads) = start(Config::default()).await;
    let body = r#"{"logGroupName":"g","logStreamName":"s","logEvents":[]}"#;
    let body = Encoded::new(vec![Bytes::from_static(body.as_bytes())]);
    connection.direct.put(&body).await.unwrap();
    // Nothing was sent to find out how.
    let ours = heads.recv().await.unwrap();
    let call = connection.client.put_log_events().log_group_name("g");
    let call = call.log_stream_name("s").set_log_events(Some(Vec::new()));
    call.send().await.unwrap();
    assert_eq!(common(ours), common(heads.recv().await.unwrap()));
}

#[tokio::test]
async fn nothing_is_kept_of_a_call_that_the_sdk_could_not_prepare() {
    let shared = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("eu-central-1"))
        .build();
    let connection = Connection::with(&shared, &Config::default(), Clock::start());
    let body = Encoded::new(vec![Bytes::from_static(b"{}")]);
    for _ in 0..2 {
        assert!(connection.direct.put(&body).await.is_err());
        assert!(connection.direct.0.known.get().is_none());
    }
}
