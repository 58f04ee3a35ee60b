//! Asks for sockets and for names of hosts, and says what came of it.
//! The node's own services and the cloud's credentials would be a connection away.

use guests::wasi::wasi::sockets::instance_network::instance_network;
use guests::wasi::wasi::sockets::ip_name_lookup::resolve_addresses;
use guests::wasi::wasi::sockets::network::IpAddressFamily;
use guests::wasi::wasi::sockets::tcp_create_socket::create_tcp_socket;
use logsieve_filter::{Filter, Record, export_filter};

struct OpensSockets;

impl Filter for OpensSockets {
    fn record(&mut self, record: &mut Record<'_>) {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).err();
        let found = resolve_addresses(&instance_network(), "metadata.internal").err();
        record.replace(format!("{socket:?} {found:?}"));
    }
}

export_filter!(OpensSockets);
