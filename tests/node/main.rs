//! Tests of the tests: the kubelet-like writer does what a real node was seen to do, the tally
//! finds what it is there to find, the log generator keeps its promises, the agent's runner runs.

mod agent;
mod driver;
mod layout;
mod lines;
mod logs;
mod rotation;
mod tally;
