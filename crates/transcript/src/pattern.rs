//! What a reply must look like: a value, or a value with holes.
//!
//! Everything a transcript ignores is visible in it as `<…>` or `$name`; a pattern without them matches one value
//! only. The grammar is in the crate's documentation.

use bytes::Bytes;
use rbq_resp::Value;

use crate::lexer::{Cursor, Problem};

/// What a reply must look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Exactly this value, which is not an aggregate.
    Exact(Value),
    /// `<any>`.
    Any,
    /// `<int>` or `<int low..high>`, both ends included.
    Int(i64, i64),
    /// `<id>`: a stream ID.
    Id,
    /// `<addr>`: a socket address.
    Addr,
    /// `<text>`: any bulk string.
    Text,
    /// `<has "…">`: text with all of these in it.
    Has(Vec<Vec<u8>>),
    /// `$name` or `<… $name>`: what matches is bound to the name, or equals what already is.
    Bind(String, Box<Pattern>),
    /// An array, set or push.
    Items(Shape, Vec<Pattern>),
    /// A map.
    Pairs(Shape, Vec<(Pattern, Pattern)>),
    /// `<closed>`: the server closed the connection.
    Closed,
}

/// How the inside of an aggregate is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Which aggregate.
    pub kind: Kind,
    /// Whether the order counts.
    pub order: Order,
    /// Whether more may follow.
    pub end: End,
}

/// The aggregates of RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[…]`
    Array,
    /// `~[…]`
    Set,
    /// `>[…]`
    Push,
    /// `{…}`
    Map,
}

/// Does the order inside an aggregate count?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As written.
    Fixed,
    /// `<unordered>`.
    Free,
}

/// May an aggregate hold more than is written?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No.
    Closed,
    /// It ends in `<rest>`.
    Open,
}

impl Pattern {
    /// Reads the text of one whole reply.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        // At the top a status or error takes the whole line, so that error texts stand as Redis prints them.
        match text.split_at_checked(1) {
            Some(("+", rest)) if !rest.starts_with('"') => return Ok(status(rest)),
            Some(("-", rest)) if !rest.starts_with(['"', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) => {
                return Ok(error(rest));
            }
            _ => {}
        }
        let mut cursor = Cursor::new(text);
        let pattern = value(&mut cursor)?;
        cursor.skip_space();
        match cursor.rest() {
            "" => Ok(pattern),
            rest => Err(format!("`{rest}` is left over")),
        }
    }
}

fn status(text: &str) -> Pattern {
    Pattern::Exact(Value::Status(text.into()))
}

fn error(text: &str) -> Pattern {
    Pattern::Exact(Value::Error(text.into()))
}

fn value(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.skip_space();
    match cursor.peek() {
        None => Err("a value is missing".into()),
        Some('"') => Ok(bulk(cursor.quoted()?)),
        Some('[') => items(cursor, Kind::Array),
        Some('{') => pairs(cursor),
        Some('<') => hole(cursor),
        Some('$') => binding(cursor),
        Some('+') => Ok(status(&line_text(cursor)?)),
        Some('-') if cursor.rest()[1..].starts_with(|c: char| !c.is_ascii_digit()) => Ok(error(&line_text(cursor)?)),
        Some('-' | '0'..='9') => integer(cursor).map(|n| Pattern::Exact(Value::Integer(n))),
        Some(',') => double(cursor),
        Some('#') => boolean(cursor),
        Some('(') => big_number(cursor),
        Some('=') => verbatim(cursor),
        Some(sigil @ ('~' | '>')) => {
            cursor.bump();
            items(cursor, if sigil == '~' { Kind::Set } else { Kind::Push })
        }
        Some(_) => word(cursor),
    }
}

fn bulk(bytes: impl Into<Bytes>) -> Pattern {
    Pattern::Exact(Value::Bulk(bytes.into()))
}

fn word(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    match cursor.word() {
        "" => Err(format!("no value begins like `{}`", cursor.rest())),
        "nil" if cursor.eat("[]") => Ok(Pattern::Exact(Value::NullArray)),
        "nil" => Ok(Pattern::Exact(Value::Null)),
        word => Ok(bulk(word.as_bytes().to_vec())),
    }
}

/// The text of a status or error inside brackets: quoted, or up to what could end it.
fn line_text(cursor: &mut Cursor<'_>) -> Result<String, Problem> {
    cursor.bump();
    if cursor.peek() == Some('"') {
        return String::from_utf8(cursor.quoted()?).map_err(|_| "this must be UTF-8".into());
    }
    Ok(cursor.take_while(|c| !",:[]{}\"".contains(c)).trim_end().to_owned())
}

fn integer(cursor: &mut Cursor<'_>) -> Result<i64, Problem> {
    let digits = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    digits.parse().map_err(|_| format!("not an integer: `{digits}`"))
}

fn double(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.bump();
    let text = cursor.take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let number: f64 = text.parse().map_err(|_| format!("not a double: `{text}`"))?;
    Ok(Pattern::Exact(Value::Double(number.into())))
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    match (cursor.eat("#t"), cursor.eat("#f")) {
        (true, _) => Ok(Pattern::Exact(Value::Boolean(true))),
        (_, true) => Ok(Pattern::Exact(Value::Boolean(false))),
        _ => Err("a boolean is `#t` or `#f`".into()),
    }
}

fn big_number(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.bump();
    let digits = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    Ok(Pattern::Exact(Value::BigNumber(digits.into())))
}

fn verbatim(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.bump();
    let format = cursor.take_while(|c| c.is_ascii_alphanumeric());
    cursor.expect(":")?;
    let text = Bytes::from(cursor.quoted()?);
    Ok(Pattern::Exact(Value::Verbatim { format: format.into(), text }))
}

fn items(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Pattern, Problem> {
    let mut shape = Shape { kind, order: Order::Fixed, end: End::Closed };
    let mut items = Vec::new();
    let end = bracketed(cursor, ("[", "]"), |cursor| {
        items.push(value(cursor)?);
        Ok(())
    })?;
    shape.end = end;
    Ok(Pattern::Items(shape, items))
}

fn pairs(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    let mut pairs = Vec::new();
    let end = bracketed(cursor, ("{", "}"), |cursor| {
        let key = value(cursor)?;
        cursor.expect(":")?;
        pairs.push((key, value(cursor)?));
        Ok(())
    })?;
    Ok(Pattern::Pairs(Shape { kind: Kind::Map, order: Order::Fixed, end }, pairs))
}

/// What stands between brackets, separated by commas, perhaps with `<rest>` as its last.
fn bracketed(
    cursor: &mut Cursor<'_>,
    (open, close): (&str, &str),
    mut one: impl FnMut(&mut Cursor<'_>) -> Result<(), Problem>,
) -> Result<End, Problem> {
    cursor.expect(open)?;
    cursor.skip_space();
    if cursor.eat(close) {
        return Ok(End::Closed);
    }
    loop {
        cursor.skip_space();
        if cursor.eat("<rest>") {
            cursor.skip_space();
            cursor.expect(close)?;
            return Ok(End::Open);
        }
        one(cursor)?;
        cursor.skip_space();
        if cursor.eat(close) {
            return Ok(End::Closed);
        }
        cursor.expect(",")?;
    }
}

fn binding(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    let name = variable(cursor)?;
    Ok(Pattern::Bind(name, Box::new(Pattern::Any)))
}

fn variable(cursor: &mut Cursor<'_>) -> Result<String, Problem> {
    cursor.expect("$")?;
    match cursor.take_while(is_variable_char) {
        "" => Err("`$` wants a name".into()),
        name => Ok(name.to_owned()),
    }
}

/// The characters of a `$name`.
pub(crate) fn is_variable_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

fn hole(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.expect("<")?;
    let name = cursor.take_while(|c| c.is_ascii_lowercase());
    let pattern = match name {
        "any" => Pattern::Any,
        "int" => int_range(cursor)?,
        "id" => Pattern::Id,
        "addr" => Pattern::Addr,
        "text" => Pattern::Text,
        "closed" => Pattern::Closed,
        "has" => Pattern::Has(needles(cursor)?),
        "unordered" => return unordered(cursor),
        other => return Err(format!("no such pattern: `<{other}>`")),
    };
    cursor.skip_space();
    if cursor.peek() != Some('$') {
        cursor.expect(">")?;
        return Ok(pattern);
    }
    let name = variable(cursor)?;
    cursor.expect(">")?;
    Ok(Pattern::Bind(name, Box::new(pattern)))
}

fn int_range(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.skip_space();
    if !cursor.rest().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Ok(Pattern::Int(i64::MIN, i64::MAX));
    }
    let low = integer(cursor)?;
    cursor.expect("..")?;
    Ok(Pattern::Int(low, integer(cursor)?))
}

fn needles(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>, Problem> {
    let mut needles = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.peek() != Some('"') {
            return Ok(needles);
        }
        needles.push(cursor.quoted()?);
    }
}

fn unordered(cursor: &mut Cursor<'_>) -> Result<Pattern, Problem> {
    cursor.expect(">")?;
    let mut pattern = value(cursor)?;
    match &mut pattern {
        Pattern::Items(shape, _) | Pattern::Pairs(shape, _) => shape.order = Order::Free,
        _ => return Err("`<unordered>` stands before brackets".into()),
    }
    Ok(pattern)
}
