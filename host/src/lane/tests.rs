//! A lane on real files, with a clock of its own: what the kubelet and others do to files while reading
//! waits for the sink, and what the books and markers say of it. The books are asserted to balance
//! after every step, by the lane itself.

mod bench;
mod compressed;
mod filters;
mod limits;
mod losses;
mod restarts;
mod rotation;
mod unreadable;
