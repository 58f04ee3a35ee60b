//! The agent as a process, from log files on a disk to what CloudWatch shows.
//!
//! Every test has a node of its own: a log folder that the kubelet-like writer fills, a strict
//! CloudWatch Logs, a folder for the agent's state. What was written is held against what arrived,
//! record by record. The agent is known by its command line, its files and its exit code alone.

mod api_server;
mod api_trouble;
mod as_in_a_pod;
mod bad_input;
mod check;
mod churn;
mod cloudwatch;
mod cluster;
mod credentials;
mod delivery;
mod destinations;
mod discovery;
mod docker;
mod failing_filters;
mod faults;
mod files;
mod filter_command;
mod filters;
mod flood;
mod flow;
mod journal;
mod kubelet_source;
mod long_lines;
mod metrics;
mod moto;
mod node;
mod outages;
mod own_log;
mod pods;
mod presets;
mod promptness;
mod push;
mod rates;
mod readme;
mod restart;
mod rotation;
mod routes;
mod soak;
mod status;
mod stdout;
mod stops;
mod swap;
mod swap_config;
mod swap_load;
mod teams;
