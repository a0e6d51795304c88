//! redis-cli's greeting: `AUTH`, `SELECT`, `HELLO 3`, each on its own. The first that is refused is told on stderr and ends the
//! greeting, but not the run: the command is sent all the same, and its reply says what comes of it.

use rbq_client::{Link, Request, Result, Target};
use rbq_resp::Value;

use crate::failure::say;

pub(super) async fn greet(link: &mut Link, target: &Target, resp3: bool) -> Result<()> {
    let mut steps = Vec::new();
    if let Some(credentials) = &target.credentials {
        let auth = Request::new("AUTH").args(credentials.user.as_deref()).arg(&credentials.password);
        steps.push(("AUTH".to_owned(), auth));
    }
    if target.db > 0 {
        let select = format!("SELECT {}", target.db);
        steps.push((select.clone(), Request::from(select.split(' '))));
    }
    if resp3 {
        steps.push(("HELLO 3".to_owned(), Request::from(["HELLO", "3"])));
    }
    for (name, request) in steps {
        if let Value::Error(text) = link.call(request).await? {
            say(&format!("{name} failed: {text}"));
            break;
        }
    }
    Ok(())
}
