//! `CONFIG GET parameter [parameter ...]`: values of the parameters that these names or patterns match.

use rbq_pubsub::glob;
use rbq_resp::Sink;

use super::ADMIN;
use crate::command::{Arg, Arity, Command, Run};
use crate::many::Many;
use crate::settings::{PARAMETERS, Parameter};

pub(super) const COMMAND: Command = Command {
    name: "GET",
    summary: "Returns the effective values of configuration parameters.",
    complexity: "O(N) when N is the number of configuration parameters provided",
    arity: Arity::AtLeast(3),
    args: &[Arg::block("parameter", &[Arg::string("parameter")]).many()],
    history: &[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
    example: "
        ann  CONFIG GET maxmemory appendonly
        ann: [maxmemory, \"0\", appendonly, no]
        ann  CONFIG GET slowlog-max-l*
        ann: [slowlog-max-len, \"128\"]
        ann  CONFIG GET nosuch
        ann: []
    ",
    run: Run::Act(|turn, args, reply| {
        let found = find(args.rest());
        reply.map(found.len());
        for (name, parameter) in found {
            reply.bulk(&name);
            reply.bulk((parameter.show)(&turn.broker.settings).as_bytes());
        }
        Ok(())
    }),
    ..ADMIN
};

/// Each matching parameter once, by the name it is shown under: a name without wildcards as it was asked for.
fn find(wanted: Many<'_>) -> Vec<(Vec<u8>, &'static Parameter)> {
    let mut found: Vec<(Vec<u8>, &'static Parameter)> = Vec::new();
    for pattern in wanted {
        let is_pattern = pattern.iter().any(|byte| b"[*?".contains(byte));
        for parameter in PARAMETERS {
            let name = parameter.name.as_bytes();
            let is_wanted = match is_pattern {
                true => glob::matches_ignore_case(&pattern, name),
                false => pattern.eq_ignore_ascii_case(name),
            };
            if is_wanted && !found.iter().any(|(_, other)| std::ptr::eq(*other, parameter)) {
                let shown = if is_pattern { name.to_vec() } else { pattern.to_vec() };
                found.push((shown, parameter));
            }
        }
    }
    found
}
