//! The body of an answer, as a list of steps: send, wait, reset.
//!
//! So a slow answer, a giant one and one that breaks off in the middle are all the same kind of
//! thing, and the usual answer is the list with one step. The length is declared in full at the
//! beginning, whatever becomes of it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Cut;

/// Bytes of padding that are sent at once.
const PADDING: [u8; 16 * 1024] = [b'.'; 16 * 1024];

/// One thing that happens to an answer's body.
#[derive(Debug)]
pub enum Step {
    Send(Bytes),
    /// Sends so many bytes of padding.
    Pad(u64),
    Wait(Duration),
    /// Resets the connection. `unsent` bytes were declared and never come.
    Reset {
        unsent: u64,
    },
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer {
    steps: VecDeque<Step>,
    /// Bytes that are declared and not yet sent.
    left: u64,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    cut: Arc<Cut>,
}

impl Answer {
    pub fn new(steps: Vec<Step>, cut: Arc<Cut>) -> Self {
        let length = |step: &Step| match step {
            Step::Send(bytes) => bytes.len() as u64,
            Step::Pad(bytes) | Step::Reset { unsent: bytes } => *bytes,
            Step::Wait(_) => 0,
        };
        let left = steps.iter().map(length).sum();
        Answer {
            steps: steps.into(),
            left,
            sleep: None,
            cut,
        }
    }

    fn send(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.left -= bytes.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(bytes)) if bytes.is_empty() => {}
                Some(Step::Send(bytes)) => return self.send(bytes),
                Some(Step::Pad(0)) => {}
                Some(Step::Pad(bytes)) => {
                    let now = bytes.min(PADDING.len() as u64);
                    self.steps.push_front(Step::Pad(bytes - now));
                    return self.send(Bytes::from_static(&PADDING[..now as usize]));
                }
                Some(Step::Wait(time)) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Reset { .. }) => {
                    self.cut.reset();
                    return Poll::Pending;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
