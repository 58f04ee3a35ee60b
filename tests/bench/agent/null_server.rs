//! A server that answers every POST with `{}`: so that a sender is measured, and no service. It runs in
//! the benchmark's process, on threads of its own, whose CPU time does not count. Over TLS it shows a
//! certificate that was made for it and is good for nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use support::tls::Acceptor;

/// Serves until the process ends.
pub fn start() -> SocketAddr {
    listen(serve)
}

/// The same over TLS.
pub fn start_tls() -> SocketAddr {
    let acceptor = Acceptor::default();
    listen(move |stream| serve(acceptor.accept(stream)))
}

fn listen(serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || {
                stream.set_nodelay(true)?;
                serve(stream)
            });
        }
    });
    address
}

fn serve(stream: impl Read + Write) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut body = Vec::new();
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
        stream.get_mut().write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 2\r\n\r\n{}",
        )?;
        stream.get_mut().flush()?;
    }
}
