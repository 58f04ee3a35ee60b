//! Tests of the tests: the strict CloudWatch Logs keeps the rules of the real one.
//!
//! Each rule is tried on both sides of its edge. The client is the AWS SDK, so what the service
//! says is judged by the code that the agent will judge it with, and the SDK's signer meets the
//! service's own arithmetic.

mod client;
mod faults;
mod limits;
mod names;
mod signatures;
mod window;
mod wire;
