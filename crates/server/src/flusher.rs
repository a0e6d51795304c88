//! Sending to many receivers once a turn.
//!
//! A message to fifty subscribers is fifty writes. With ten producers at work in one turn of an I/O thread it would be five
//! hundred, most of them of one small message. So what goes to more than a few receivers waits until the connections that
//! are ready now have had their turn, and each receiver gets one write for all of them. A few receivers (the one waiter
//! that was served) are written to at once: there the wait would only be latency.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::hub::{Conn, Flush, Shared};

/// Up to this many receivers are written to at once.
const AT_ONCE_MAX: usize = 4;

#[derive(Default)]
struct Later {
    /// Whether this thread has a task that will send.
    is_served: bool,
    conns: Vec<Arc<Conn>>,
    waker: Option<Waker>,
}

thread_local! {
    static LATER: RefCell<Later> = RefCell::default();
}

/// Leaves `conns` to this thread's flusher, if they are many and it has one; whether it did.
pub(crate) fn defer(conns: &mut Vec<Arc<Conn>>) -> bool {
    if conns.len() <= AT_ONCE_MAX {
        return false;
    }
    LATER.with_borrow_mut(|later| {
        if !later.is_served {
            return false;
        }
        later.conns.append(conns);
        if let Some(waker) = later.waker.take() {
            waker.wake();
        }
        true
    })
}

/// Sends what was left to this thread, for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    LATER.with_borrow_mut(|later| later.is_served = true);
    loop {
        let conns = std::future::poll_fn(|cx| {
            LATER.with_borrow_mut(|later| {
                if later.conns.is_empty() {
                    later.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(std::mem::take(&mut later.conns))
            })
        })
        .await;
        Flush::of(conns).send(&shared);
    }
}
