#!/usr/bin/env python3
"""Asks a real redis-server what its globs match, and writes the answers down as test data.

    redis-server --port 7777 --save '' --appendonly no &
    ./glob_vectors.py 7777 > glob_vectors.txt

Each line: `exact` or `nocase`, pattern, text, `yes` or `no`. Pattern and text stand in double quotes; bytes that are
not printable ASCII, and `"` and `%`, are written %XX.

Exact answers are the receivers PUBLISH counts for one PSUBSCRIBE. Answers that ignore case come from
`COMMAND LIST FILTERBY PATTERN`, so their texts are names of commands.
"""
import random
import socket
import sys


class Redis:
    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port)).makefile("rwb")

    def ask(self, *args):
        parts = [b"*%d\r\n" % len(args)]
        for arg in args:
            parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
        self.file.write(b"".join(parts))
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        if kind == b":":
            return int(rest)
        if kind == b"-":
            raise RuntimeError(rest)
        return rest


def quoted(data):
    plain = lambda b: 0x20 <= b < 0x7F and b not in b'"%'
    return '"' + "".join(chr(b) if plain(b) else "%%%02X" % b for b in data) + '"'


ODD = [
    b"", b"*", b"**", b"***", b"?", b"??", b"?*", b"*?", b"*?*", b"**a", b"a**", b"a**b", b"*a*", b"\\", b"\\\\", b"a\\",
    b"\\a", b"\\*", b"\\?", b"\\[", b"\\]", b"*\\", b"*\\*", b"\\**", b"a\\*b", b"\\\\*", b"[", b"[]", b"[^", b"[^]", b"[a",
    b"[ab", b"[a-", b"[a-c", b"[a-c]", b"[c-a]", b"[z-a]", b"[a-]", b"[a-]]", b"[-a]", b"[a-a]", b"[a--]", b"[--a]", b"[---]",
    b"[^a", b"[^a]", b"[^a-c]", b"[^c-a]", b"[^^]", b"[^-]", b"[^]a]", b"[]a]", b"[]-a]", b"[a]b", b"[a\\]b]", b"[\\]]",
    b"[\\", b"[\\]", b"[\\\\]", b"[\\\\", b"[^\\", b"[^\\]", b"[^\\]]", b"[a\\", b"[a\\-c]", b"[\\a-c]", b"[a-\\c]", b"[a-\\]]",
    b"[a-\\", b"[+-\\-]", b"[*]", b"[?]", b"[[]", b"[[a]", b"[a[]", b"[a]]", b"[a-c-e]", b"[a-cx-z]", b"[ab-]", b"[!a]", b"a]",
    b"]", b"^", b"-", b"[a-\xff]", b"[\xff-a]", b"[\x80-\xff]", b"[\xff-\x80]", b"[\x00-\x7f]", b"[\x7f-\x80]", b"[\x00-\xff]",
    b"[^\x80-\x7f]", b"[\x80-\x7f]", b"\xff", b"[\xff]", b"[^\xff]", b"\xc3\xa4", b"?\xa4", b"[\xc3\xa4]", b"[\xc3\xa4]*",
    b"\x00", b"a\x00b", b"*\x00*", b"[\x00]", b"[^\x00]", b"\\\x00", b"[\\\x00]", b"a*\x00", b"[a\x00", b"*a*b*c*",
    b"*abc", b"abc*", b"a?c", b"a[b]c", b"*[", b"*[^", b"*[]", b"*[ab", b"a[", b"a[^", b"?[^", b"[a][b]", b"[a][^", b"[^][^]",
    b"*b", b"*ab", b"*aab", b"a*a", b"a*a*a", b"*-errors", b"*:42", b"?ab", b"[ab]x", b"h[a-e]llo", b"h[^e]llo",
    b"news.*.*", b"*a?", b"*?b", b"*[a-c]b", b"*\\b", b"a*\\", b"a*[\\", b"[a-c", b"[c-a", b"[a-c-", b"x[a-b-", b"[^a-c",
    b"*" * 40 + b"a", b"*a" * 20, b"a*" * 20, b"?" * 20, b"*a" * 12 + b"*b",
]
TEXTS = [
    b"", b"a", b"b", b"c", b"aa", b"ab", b"abc", b"aab", b"abcb", b"a-c", b"aaa", b"a" * 20, b"a" * 25 + b"b", b"\\", b"a\\", b"\\a",
    b"*", b"a*b", b"?", b"[", b"]", b"]]", b"a]", b"[]", b"^", b"-", b"-]", b"b]", b"B", b"_", b"`", b"~", b"{", b"!", b"e", b"x", b"y", b"ax",
    b"\xff", b"\x80", b"\x7f", b"\x00", b"a\x00b", b"a\x00", b"\xc3\xa4", b"\xc3\xa4x", b"app-errors", b"user:42", b"xab", b"hallo",
    b"hello", b"news.a.b", b"news.a", b"[a", b"[^", b",", b".", b"/",
]
NOCASE = [
    b"GET", b"gEt", b"G*", b"*ET", b"[G]et", b"[g]ET", b"[F-H]et", b"[H-F]et", b"[f-H]et", b"[H-f]et", b"[Z-g]et", b"[G-z]et",
    b"[\\G]et", b"[\\g]et", b"\\GET", b"G?T", b"[^G]ET", b"[^\\G]ET", b"*[A-M]T", b"[G", b"[^]et", b"[]get", b"[A-]et", b"*PUSH",
    b"?PUSH", b"[L-R]PUSH", b"[r-L]PUSH", b"l[^a-o]*", b"", b"*", b"ge[T", b"ge[^T", b"ge\\T", b"get\\", b"[\\g-G]et", b"[\xff-g]et",
    b"[g-\xff]et", b"[G-\xff]et", b"[^G-\xff]et",
]
NOCASE_TEXTS = [b"get", b"set", b"lpush", b"rpush", b"ping", b"lpop", b"keys", b"ttl"]
ALPHABET = [b"*", b"?", b"[", b"]", b"^", b"-", b"\\", b"a", b"b", b"c", b"B", b"\xff", b"\x00", b"*", b"[", b"a"]


def main():
    port = int(sys.argv[1])
    random_patterns = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    listener, publisher = Redis(port), Redis(port)
    draw = random.Random(42)
    any_of = lambda letters, most: b"".join(draw.choices(letters, k=draw.randint(1, most)))

    def exact(pattern, texts):
        listener.ask(b"PSUBSCRIBE", pattern)
        for text in texts:
            hit = publisher.ask(b"PUBLISH", text, b"x") == 1
            if hit:
                listener.reply()
            yield text, hit
        listener.ask(b"PUNSUBSCRIBE", pattern)

    def show(kind, pattern, text, hit):
        print(kind, quoted(pattern), quoted(text), "yes" if hit else "no")

    for pattern in ODD:
        misses = 0
        for text, hit in exact(pattern, TEXTS):
            misses += not hit
            # All matches, and enough of what does not match.
            if hit or misses % 6 == 1:
                show("exact", pattern, text, hit)
    for _ in range(random_patterns):
        pattern = any_of(ALPHABET, 8)
        misses = 0
        for text, hit in exact(pattern, [any_of(ALPHABET, 4) for _ in range(40)]):
            misses += not hit
            if hit or misses <= 2:
                show("exact", pattern, text, hit)
    for pattern in NOCASE:
        listed = publisher.ask(b"COMMAND", b"LIST", b"FILTERBY", b"PATTERN", pattern)
        for text in NOCASE_TEXTS:
            show("nocase", pattern, text, text in listed)


main()
