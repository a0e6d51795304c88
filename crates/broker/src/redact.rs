//! Which arguments are secrets, so that MONITOR and the slow log do not tell them on.

use rbq_resp::Request;

use crate::catalog::Known;

/// What stands in their place.
pub(crate) const REDACTED: &str = "(redacted)";

/// Parameters whose values are secrets.
const SECRET_PARAMETERS: &[&[u8]] = &[b"requirepass"];

/// Whether the argument at `position` is a secret.
pub(crate) fn is_secret(known: &Known, request: Request<'_>, position: usize) -> bool {
    let follows = |words: &[&[u8]], distance: usize| {
        let word = position.checked_sub(distance).map(|at| request.arg(at));
        word.is_some_and(|word| words.iter().any(|other| word.eq_ignore_ascii_case(other)))
    };
    match known.full_name.as_str() {
        "auth" => position > 0,
        "hello" => position > 2 && (follows(&[b"AUTH"], 1) || follows(&[b"AUTH"], 2)),
        "config|set" => position > 2 && position % 2 == 1 && follows(SECRET_PARAMETERS, 1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rbq_resp::{OwnedRequest, split_args};

    use super::*;
    use crate::catalog::catalog;

    fn shown(line: &str) -> String {
        let args = split_args(line.as_bytes()).expect("the quotes are balanced");
        let request = OwnedRequest::from_args(&args);
        let request = request.view();
        let known = catalog().find(request.arg(0)).expect("it is a command");
        let known = catalog().find_sub(known, request.arg(1)).unwrap_or(known);
        let arg = |at| match is_secret(known, request, at) {
            true => REDACTED.into(),
            false => String::from_utf8_lossy(request.arg(at)),
        };
        (0..request.len()).map(arg).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("AUTH secret"), "AUTH (redacted)");
        assert_eq!(shown("AUTH default secret"), "AUTH (redacted) (redacted)");
        assert_eq!(shown("HELLO 3 SETNAME ann AUTH default secret"), "HELLO 3 SETNAME ann AUTH (redacted) (redacted)");
        assert_eq!(shown("CONFIG SET timeout 5 RequirePass secret"), "CONFIG SET timeout 5 RequirePass (redacted)");
        assert_eq!(shown("CONFIG GET requirepass"), "CONFIG GET requirepass");
        assert_eq!(shown("GET AUTH"), "GET AUTH");
    }
}
