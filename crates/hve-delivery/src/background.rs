//! A thread of its own for each batch, behind everybody else's.

use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;
use tracing::error;

/// The work ended in a panic, or could not begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crashed;

/// Runs blocking work on a thread that gets the processor when nobody else wants it: accepting
/// goes first, and the queue is emptied when it has time. A thread costs 20 µs, a batch 20 ms; one
/// of the runtime's own would keep the low priority for whoever uses it next.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Crashed> {
    let (answer, answered) = oneshot::channel();
    let begun = thread::Builder::new()
        .name("hve-deliver".into())
        .spawn(move || {
            // On Linux this is the thread's own; where it is not allowed they compete as equals.
            let _ = setpriority_process(None, NICENESS);
            // Nobody waits any more where the engine was dropped.
            let _ = answer.send(work());
        });
    if let Err(error) = begun {
        error!(%error, "no thread for delivery");
        return Err(Crashed);
    }
    let done = answered.await.map_err(|_| Crashed);
    if done.is_err() {
        error!("bug: a delivery worker crashed");
    }
    done
}

/// Low, yet more than nothing under full load: about a thirtieth of a busy processor.
const NICENESS: i32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_noticed_and_stays_there() {
        assert_eq!(in_background(|| 7).await.ok(), Some(7));
        let crashed = in_background(|| panic!("on purpose")).await;
        assert!(crashed.is_err());
    }
}
