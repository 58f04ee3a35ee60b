//! What the tests of logsieve stand on.
//!
//! Each module plays one part of the world around the agent, as strictly as the real one: the
//! service that takes the records, the kubelet that lays out and rotates log files, the machine
//! that runs the process. A test says what was written and what must have arrived; `tally` finds
//! every difference. Nothing here knows how the agent works inside.

pub mod agent; // the agent as a process: run, watch, signal
pub mod api_server; // a real Kubernetes API server, where one has been built
pub mod books; // the agent's books, against what a verifier found
pub mod cloudwatch; // a strict CloudWatch Logs: its limits, its signatures, its bad days
pub mod configmap; // a ConfigMap volume, as a kubelet lays it out and changes it
pub mod count; // the same as tally, for millions of records
pub mod credentials; // where a container fetches its credentials
pub mod issuer; // those who give a pod its credentials: container, token service, metadata
pub mod journal; // journals, as systemd's own tools write and read them
pub mod kubelet; // log files as a node lays them out, rotates and deletes them
pub mod kubelet_server; // the kubelet's own server: its pods, over TLS
pub mod kubernetes; // an API server: lists, watches, bad days
pub mod logs; // a gigabyte of log, for measurements
pub mod modules; // other modules that do the same
pub mod moto; // a CloudWatch Logs that is not ours, as a process
pub mod plain; // plain logs of a node, and what rotates them
pub mod tally; // what was written against what arrived
pub mod tls; // a certificate for servers of tests
pub mod wait; // bounded waiting for a condition
