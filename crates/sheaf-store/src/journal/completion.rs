use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Result, StoreError};

/// The promise that entries will be durable. Await it, or [`wait`](Self::wait) for it; letting it go changes nothing.
#[derive(Debug)]
#[must_use = "nothing is saved before this is done"]
pub struct Completion(Arc<Slot>);

/// The other end.
#[derive(Debug)]
pub(super) struct Promise(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    outcome: Mutex<Outcome>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    result: Option<Result<()>>,
    waker: Option<Waker>,
}

pub(super) fn promise() -> (Promise, Completion) {
    let slot = Arc::new(Slot::default());
    (Promise(Arc::clone(&slot)), Completion(slot))
}

impl Promise {
    pub(super) fn keep(self, result: Result<()>) {
        self.0.settle(result);
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        // Kept already, unless the writer is gone: then nobody may wait for ever.
        let gone = StoreError::Io {
            path: std::path::PathBuf::new(),
            doing: "writing the journal",
            kind: std::io::ErrorKind::BrokenPipe,
            reason: "the journal was closed before this was written".to_owned(),
        };
        self.0.settle(Err(gone));
    }
}

impl Slot {
    fn settle(&self, result: Result<()>) {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.result.is_some() {
            return;
        }
        outcome.result = Some(result);
        let waker = outcome.waker.take();
        drop(outcome);
        self.done.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Completion {
    /// Blocks until the entries are durable, or it is certain that they are not.
    pub fn wait(self) -> Result<()> {
        let mut outcome = self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &outcome.result {
                Some(result) => return result.clone(),
                None => outcome = self.0.done.wait(outcome).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// What came of it, if it is decided.
    pub fn now(&self) -> Option<Result<()>> {
        self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner).result.clone()
    }
}

impl Future for Completion {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut outcome = self.0.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = &outcome.result {
            return Poll::Ready(result.clone());
        }
        outcome.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
