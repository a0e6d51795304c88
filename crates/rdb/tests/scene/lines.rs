//! Commands that set a scene: keys of every type, and streams with all that a stream may have.

/// Keys of every type and encoding, and streams with all that a stream may have.
pub(crate) const SCENE: &str = "\
set text hello
set number 12345
set negative -7
set short 300
set huge 123456789012345678901
setrange long 0 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
set late x pxat 4102444800123
rpush small a b 1 -2 300 70000 9999999999 12345678901234567890
rpush one x
hset hash a 1 b 2
sadd ints 1 2 3
sadd words a b c
zadd scores 1.5 a -inf b inf c 3 d
setbit bits 77 1
pfadd loglog a b
xadd plain 1-1 a 1 b 2
xadd plain 1-2 a 3 b 4
xadd plain 2-0 other x
xadd plain 3-1 a 5 b 6
xdel plain 1-2
xgroup create plain g 0
xreadgroup group g ann count 1 streams plain >
xreadgroup group g bob count 1 streams plain >
xgroup createconsumer plain g idle
xgroup create plain end $
xdel plain 2-0
xadd gone 5-5 a b
xgroup create gone g 0
xreadgroup group g ann streams gone >
xdel gone 5-5
xgroup create empty g $ mkstream
xadd trimmed 1-1 a b
xadd trimmed 2-1 a b
xadd trimmed 3-1 a b
xgroup create trimmed g 0
xreadgroup group g ann streams trimmed >
xtrim trimmed maxlen 1
function load #!lua\\x20name=lib\\nredis.register_function('f',function()\\x20return\\x201\\x20end)
select 3
set elsewhere 3
select 0";
