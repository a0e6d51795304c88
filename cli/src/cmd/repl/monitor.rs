//! MONITOR beside the prompt.
//!
//! On a connection of its own, because a connection that monitors cannot be used for much else, and because its lines cannot be
//! told from replies. It ends by being dropped.

use std::sync::Arc;

use rbq_client::{Link, Request};
use rbq_resp::Value;
use tokio::task::JoinHandle;

use super::screen::Screen;
use crate::failure::{Failure, Result};
use crate::render;

/// A MONITOR that runs.
#[derive(Debug)]
pub(super) struct Monitor(JoinHandle<()>);

impl Monitor {
    /// Begins to monitor; the server's refusal is an error.
    pub(super) async fn start(mut link: Link, screen: Arc<Screen>) -> Result<Self> {
        if let Value::Error(text) = link.call(Request::new("MONITOR")).await? {
            return Err(Failure::new(text));
        }
        let run = async move {
            loop {
                match link.receive().await {
                    Ok(value) => screen.show(render::monitored(&value)),
                    Err(_) => return screen.show("note: MONITOR has ended with its connection\n".to_owned()),
                }
            }
        };
        Ok(Self(tokio::spawn(run)))
    }

    pub(super) fn is_running(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}
