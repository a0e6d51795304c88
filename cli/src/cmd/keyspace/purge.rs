//! Throwing away everything: how much somebody expects that to be, and the one step in which it goes.

use clap::Args;
use rbq_client::Request;
use rbq_resp::Value;

use super::kind::shown;
use super::work::counted;
use crate::facts::{number, unexpected};
use crate::failure::{Failure, Result};
use crate::servers::{Servers, transact};

/// How much there should be.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Expect {
    /// Only if there are exactly so many
    #[arg(long, value_name = "MESSAGES")]
    expect: Option<u64>,
}

impl Expect {
    /// Compares.
    ///
    /// # Errors
    /// There are more, or fewer.
    pub(crate) fn check(self, there: u64, key: &[u8]) -> Result<()> {
        match self.expect {
            Some(expected) if expected != there => {
                let there = counted(there, "message");
                Err(Failure::new(format!("`{}` has {there}, not {expected}; nothing was changed", shown(key)))
                    .hint("look again with `peek`, and expect what is there"))
            }
            _ => Ok(()),
        }
    }
}

/// Counts and throws away in one step; gives the count. Nothing happens where another number was expected.
///
/// # Errors
/// Another number, or the server's.
pub(crate) async fn watched(
    servers: &mut Servers,
    key: &[u8],
    expect: Expect,
    count: Request,
    purge: Request,
) -> Result<u64> {
    let link = servers.of(key).await?;
    if expect.expect.is_some() {
        link.call(Request::new("WATCH").arg(key)).await?;
        expect.check(number(&link.call(count.clone()).await?).unwrap_or(0), key)?;
    }
    let Some(replies) = transact(link, vec![count, purge]).await? else {
        let failure = Failure::new(format!("`{}` changed while it was looked at; nothing was changed", shown(key)));
        return Err(failure.hint("try again, or leave out --expect"));
    };
    if let Some(refused) = replies.iter().find(|reply| matches!(reply, Value::Error(_))) {
        return Err(unexpected(refused.clone()));
    }
    Ok(replies.first().and_then(number).unwrap_or(0))
}
