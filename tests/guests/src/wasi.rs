//! What guests call of WASI: the parts of its contract that they need, word for word.
//!
//! No runtime of Rust needs any of it here; these guests ask on purpose.
#![allow(
    clippy::all,
    clippy::pedantic,
    unused_qualifications,
    missing_docs,
    reason = "generated from the WIT"
)]

wit_bindgen::generate!({
    inline: r#"
        package guests:wasi;

        world asks {
            import wasi:cli/environment@0.2.3;
            import wasi:cli/exit@0.2.3;
            import wasi:cli/stderr@0.2.3;
            import wasi:cli/stdin@0.2.3;
            import wasi:clocks/monotonic-clock@0.2.3;
            import wasi:clocks/wall-clock@0.2.3;
            import wasi:filesystem/preopens@0.2.3;
            import wasi:io/streams@0.2.3;
            import wasi:random/random@0.2.3;
            import wasi:sockets/instance-network@0.2.3;
            import wasi:sockets/ip-name-lookup@0.2.3;
            import wasi:sockets/tcp-create-socket@0.2.3;
        }

        package wasi:io@0.2.3 {
            interface error { resource error; }
            interface poll { resource pollable { ready: func() -> bool; block: func(); } }
            interface streams {
                use error.{error};
                variant stream-error { last-operation-failed(error), closed }
                resource input-stream {
                    read: func(len: u64) -> result<list<u8>, stream-error>;
                }
                resource output-stream {
                    blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
                }
            }
        }

        package wasi:cli@0.2.3 {
            interface environment {
                get-environment: func() -> list<tuple<string, string>>;
                get-arguments: func() -> list<string>;
                initial-cwd: func() -> option<string>;
            }
            interface exit { exit: func(status: result); }
            interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
            interface stderr { use wasi:io/streams@0.2.3.{output-stream}; get-stderr: func() -> output-stream; }
        }

        package wasi:clocks@0.2.3 {
            interface monotonic-clock {
                use wasi:io/poll@0.2.3.{pollable};
                now: func() -> u64;
                subscribe-duration: func(when: u64) -> pollable;
            }
            interface wall-clock {
                record datetime { seconds: u64, nanoseconds: u32 }
                now: func() -> datetime;
            }
        }

        package wasi:random@0.2.3 {
            interface random { get-random-bytes: func(len: u64) -> list<u8>; }
        }

        package wasi:filesystem@0.2.3 {
            interface types { resource descriptor; }
            interface preopens {
                use types.{descriptor};
                get-directories: func() -> list<tuple<descriptor, string>>;
            }
        }

        package wasi:sockets@0.2.3 {
            interface network {
                resource network;
                enum error-code {
                    unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout,
                    concurrency-conflict, not-in-progress, would-block, invalid-state, new-socket-limit,
                    address-not-bindable, address-in-use, remote-unreachable, connection-refused,
                    connection-reset, connection-aborted, datagram-too-large, name-unresolvable,
                    temporary-resolver-failure, permanent-resolver-failure,
                }
                enum ip-address-family { ipv4, ipv6 }
            }
            interface instance-network { use network.{network}; instance-network: func() -> network; }
            interface tcp { resource tcp-socket; }
            interface tcp-create-socket {
                use network.{error-code, ip-address-family};
                use tcp.{tcp-socket};
                create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
            }
            interface ip-name-lookup {
                use network.{network, error-code};
                resource resolve-address-stream;
                resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
            }
        }
    "#,
    generate_all,
});
