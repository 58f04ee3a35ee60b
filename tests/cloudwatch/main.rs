//! The strict CloudWatch Logs keeps the rules of the real one, and the agent's sender keeps them too.
//!
//! Each rule is tried on both sides of its edge. The client is the AWS SDK, so what the service
//! says is judged by the code that the agent will judge it with, and the SDK's signer meets the
//! service's own arithmetic. Then the sender itself, without the agent around it: what it does with
//! every answer, what it packs, how fast it asks.

mod answers;
mod client;
mod faults;
mod limits;
mod names;
mod pacing;
mod packing;
mod rig;
mod signatures;
mod window;
mod wire;
