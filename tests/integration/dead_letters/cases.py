#!/usr/bin/env python3
"""The bad records, and what must become of each.

  cases.py records            lines for weir-test-records
  cases.py more N             N bad ones more, each with a neighbour, numbers from 1000 on
  cases.py check LIST         what `weir dead-letters list` said against what must be there
"""
import re, sys


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def double(field):
    return varint(field << 3 | 1) + b"\0\0\0\0\0\0\xf0\x3f"  # 1.0


def reading(n, quality=1, place="here", seconds=1_700_000_000, value=double(3)):
    """A meters.v1.Reading."""
    position = double(1) + double(2) + text(3, place)
    return text(1, "m") + number(2, n) + value + number(4, quality) + text(5, position) + text(9, number(1, seconds))


# name, value, headers, then what each group says: (class, plugin, part of the reason), or None when it is stored
PG, CH, READ = "pg-sink", "ch-sink", "kafka-consumer"
BAD = [
    ("not protobuf", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", True,
     ("malformed", PG, "as meters.v1.Reading: byte 0: malformed"), ("malformed", CH, "as meters.v1.Reading: byte 0: malformed")),
    ("another message", text(1, "b1") + text(2, "a1") + number(3, 500), True,  # a bets.v1.PlaceBet
     ("malformed", PG, "field number, byte 5: another wire type"), ("malformed", CH, "field number, byte 5: another wire type")),
    ("unknown enum", reading(103, quality=7), True,
     ("refused", PG, '22P02 invalid input value for enum quality: "7", column quality'), ("malformed", CH, "field quality: ")),
    ("too long for the column", reading(104, place="x" * 21), True,
     ("refused", PG, "22001 value too long for type character varying(20), column place"), ("refused", CH, "short_place")),
    ("NUL in text", reading(105, place="a\0b"), True,
     ("malformed", PG, "a NUL character for column place"), None),  # ClickHouse's strings take it
    ("out-of-range time", reading(106, seconds=253_402_300_800), True,
     ("malformed", PG, "field taken, byte"), ("malformed", CH, "timestamp out of range (years 1 to 9999")),
    ("10 MB", reading(107, place="x" * 10_000_000), True,
     ("too-large", READ, "max_value is 1048576"), ("too-large", READ, "max_value is 1048576")),
    ("no value", None, True,
     ("no-value", READ, "expected a meters.v1.Reading"), ("no-value", READ, "expected a meters.v1.Reading")),
    ("no headers", reading(109), False,
     ("missing-header", READ, 'no header "source"'), ("missing-header", READ, 'no header "source"')),
]
CONFLICT = ("the same key with other values", reading(0, place="elsewhere"), True,
            ("conflict", PG, "is taken by a row with other values"),
            ("conflict", CH, "is taken by a row of dead_letters.readings with other values"))


def line(value, has_header=True):
    header = "source=" + b"test".hex() if has_header else "-"
    print("0", b"key".hex(), header, "-" if value is None else value.hex() or "", sep="\t")


def more(n):
    for i in range(n):
        line(b"\xff" * (i + 1))
        line(reading(1000 + i))


def records():
    line(reading(0))
    for i, (_, value, has_header, *_) in enumerate(BAD):
        line(value, has_header)
        line(reading(i + 1))  # a neighbour
    line(CONFLICT[1])


def check(path):
    found = {}
    for line in open(path):
        m = re.match(r"(\d+:\d+) +\S+ +(dead|put back) +(\S+) +(\S+) +(\S+) +(.*)", line)
        if m:
            found.setdefault((m[5], m[3], m[4]), []).append(m[6])
    wrong = []
    for name, _, _, pg, ch in BAD + [CONFLICT]:
        for group, expected in (("record", pg), ("analyse", ch)):
            if expected:
                cls, plugin, reason = expected
                if not any(reason in r for r in found.get((group, cls, plugin), [])):
                    wrong.append(f"{name}: {group}: expected {cls} by {plugin}: ...{reason}...")
    expected = sum(pg is not None for *_, pg, _ in BAD + [CONFLICT]) + sum(ch is not None for *_, ch in BAD + [CONFLICT])
    n = sum(len(v) for v in found.values())
    if n != expected:
        wrong.append(f"{n} letters, expected {expected}")
    print("\n".join(wrong) or f"{n} letters, each with its reason")
    return 1 if wrong else 0


if __name__ == "__main__":
    command, *args = sys.argv[1:]
    sys.exit(records() if command == "records" else more(int(args[0])) if command == "more" else check(args[0]))
