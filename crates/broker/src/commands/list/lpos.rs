//! `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`: where an element is.

use rbq_resp::Sink;

use crate::args::Args;
use crate::command::{Arg, Arity, Command, Family, Flags, KeySpec, Run, touch};
use crate::error::Error;

pub(super) const COMMAND: Command = Command {
    name: "LPOS",
    group: Family::List,
    summary: "Finds where an element is in a list.",
    since: "6.0.6",
    complexity: "O(N) for N elements compared",
    arity: Arity::AtLeast(3),
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, touch::READ)],
    args: &[
        Arg::key("key"),
        Arg::string("element"),
        Arg::integer("rank").after("RANK").optional(),
        Arg::integer("num-matches").after("COUNT").optional(),
        Arg::integer("len").after("MAXLEN").optional(),
    ],
    example: "
        ann  RPUSH mail a b c a
        ann: 4
        ann  LPOS mail a
        ann: 0
        ann  LPOS mail a RANK -1
        ann: 3
        ann  LPOS mail a COUNT 0
        ann: [0, 3]
    ",
    run: Run::Read(|args, view, reply| {
        let (key, element) = (args.key()?, args.bytes()?);
        let search = Search::parse(args)?;
        let Some(list) = view.list(key)? else {
            match search.count {
                Some(_) => reply.array(0),
                None => reply.null(),
            }
            return Ok(());
        };
        let count_max = search.count.unwrap_or(1);
        let positions = list.positions(element, search.rank, count_max as usize, search.len_max as usize);
        match (search.count, positions.first()) {
            (Some(_), _) => {
                reply.array(positions.len());
                positions.iter().for_each(|&position| reply.integer(position as i64));
            }
            (None, Some(&position)) => reply.integer(position as i64),
            (None, None) => reply.null(),
        }
        Ok(())
    }),
    ..Command::BASE
};

struct Search {
    rank: i64,
    count: Option<u64>,
    len_max: u64,
}

impl Search {
    fn parse(args: &mut Args<'_>) -> Result<Self, Error> {
        let mut search = Self { rank: 1, count: None, len_max: 0 };
        while !args.is_empty() {
            if args.keyword("RANK") {
                search.rank = args.integer()?;
                if search.rank == 0 {
                    return Err(Error::Fixed(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                if search.rank == i64::MIN {
                    return Err(Error::Fixed(
                        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                    ));
                }
            } else if args.keyword("COUNT") {
                let error = Error::Fixed("ERR COUNT can't be negative");
                search.count = Some(not_negative(args, error)?);
            } else if args.keyword("MAXLEN") {
                search.len_max = not_negative(args, Error::Fixed("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(search)
    }
}

fn not_negative(args: &mut Args<'_>, error: Error) -> Result<u64, Error> {
    if args.is_empty() {
        return Err(Error::Syntax);
    }
    u64::try_from(args.integer_or(error.clone())?).map_err(|_| error)
}
