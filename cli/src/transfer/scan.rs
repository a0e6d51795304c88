//! The keys of a database, a page at a time.

use rbq_client::{Client, Request, Value};

use super::reply::{elements, unexpected};
use crate::failure::Result;

/// Keys that one SCAN looks at: about a millisecond of a server's time.
const COUNT: &str = "1000";

/// Where a scan is.
#[derive(Debug)]
pub(super) struct Scan {
    cursor: Vec<u8>,
    has_begun: bool,
}

impl Scan {
    pub(super) fn begin() -> Self {
        Self { cursor: b"0".to_vec(), has_begun: false }
    }

    /// The next keys, if there may be more; those that match `pattern`, if there is one. SCAN may name a key twice.
    pub(super) async fn next(&mut self, client: &Client, pattern: Option<&[u8]>) -> Result<Option<Vec<Vec<u8>>>> {
        if std::mem::replace(&mut self.has_begun, true) && self.cursor == b"0" {
            return Ok(None);
        }
        let mut scan = Request::new("SCAN").arg(&self.cursor);
        if let Some(pattern) = pattern {
            scan = scan.arg("MATCH").arg(pattern);
        }
        let reply = client.call(scan.args(["COUNT", COUNT])).await?;
        let Some([next, names]) = elements(&reply) else { return Err(unexpected("SCAN", Some(&reply))) };
        self.cursor = next.as_bytes().ok_or_else(|| unexpected("SCAN", None))?.to_vec();
        let names = elements(names).unwrap_or_default().iter().filter_map(Value::as_bytes);
        Ok(Some(names.map(<[u8]>::to_vec).collect()))
    }
}
