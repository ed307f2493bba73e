#!/usr/bin/env python3
"""Makes the seed corpora of the stream fuzzers from the golden captures: run from the top of the tree.

A seed is a few lines of one direction of a connection (of MQTT: its first 1.5 KB), as a fuzzer does the more with its
time the shorter they are, behind two bytes: options and how it is cut (wire_fuzz.h).
"""
import hashlib
import os
import struct
import sys


def value(b, at):
    """One MessagePack value of a capture: (value, position behind it)."""
    t = b[at]
    if t < 0x80:
        return t, at + 1
    if t >> 4 == 8:
        n, at = t & 15, at + 1
        for _ in range(2 * n):
            _, at = value(b, at)
        return None, at
    if t >> 4 == 9:
        out, at = [], at + 1
        for _ in range(t & 15):
            v, at = value(b, at)
            out.append(v)
        return out, at
    if t >> 5 == 5:
        return b[at + 1:at + 1 + (t & 31)], at + 1 + (t & 31)
    if t in (0xcc, 0xcd, 0xce, 0xcf):
        n = 1 << (t - 0xcc)
        return int.from_bytes(b[at + 1:at + 1 + n], "big"), at + 1 + n
    n = {0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2}[t]
    size = int.from_bytes(b[at + 1:at + 1 + n], "big")
    return b[at + 1 + n:at + 1 + n + size], at + 1 + n + size


def records(path):
    """(connection, direction, bytes) of each record of a capture."""
    b, at = open(path, "rb").read(), 0
    while at < len(b):
        v, at = value(b, at)
        if v is not None:
            yield v[1], v[2], v[3]


def streams(path):
    out = {}
    for connection, direction, data in records(path):
        key = (connection, direction)
        out[key] = out.get(key, b"") + data
    return out


def conversations(path, limit):
    """The first bytes of a capture as fuzz_decode.c reads them."""
    out = b""
    for connection, direction, data in records(path):
        for at in range(0, max(1, len(data)), 255):
            piece = data[at:at + 255]
            end = 8 if not data else 0
            out += bytes([connection & 3 | direction << 2 | end, len(piece)]) + piece
            if len(out) > limit:
                return out
    return out


def few_lines(data):
    """Pieces of whole lines, at least 200 bytes each; those with the same verbs in the same order count once."""
    seen, piece, verbs = set(), b"", ()
    for line in data.split(b"\r\n"):
        piece += line + b"\r\n"
        verbs += (line.split(b" ")[0],)
        if len(piece) >= 200:
            if verbs not in seen and len(piece) < 1500:
                seen.add(verbs)
                yield piece
            piece, verbs = b"", ()
    yield piece


def save(fuzzer, data):
    folder = "fuzz/corpus/" + fuzzer
    os.makedirs(folder, exist_ok=True)
    with open("%s/seed-%s" % (folder, hashlib.sha1(data).hexdigest()[:12]), "wb") as f:
        f.write(data)


def main():
    for fuzzer, capture in [("nats", "client"), ("mqtt", "mqtt"), ("route", "route"), ("route", "route-leaf"),
                            ("gateway", "gateway"), ("leaf", "leaf"), ("http", "http"), ("http", "ws")]:
        for (connection, direction), data in streams("tests/golden/wire/%s.cap" % capture).items():
            options = [direction]
            if fuzzer == "mqtt":
                options = [1 if direction == 0 else 2 | 8 | 16]
            for piece in [data[:1500]] if fuzzer == "mqtt" else few_lines(data):
                save(fuzzer, bytes(options) + b"\x07" + piece)
    ws = streams("tests/golden/wire/ws.cap")
    for (_, direction), data in ws.items():
        save("ws", bytes([1 if direction == 0 else 2, 5]) + data[data.index(b"\r\n\r\n") + 4:])
    v5 = [
        "100d00044d5154540502000000" "0000",
        "105800044d51545405cc003c24110000000a210014270000100022000519011700260001" "6b000176150001" "6d16000200ff"
        "000269641818000000010101020000000203000163080001720900010000017400017000017500017",
        "820e0001030b810100016" "12d00016200" "c000e00104",
        "300801" "0161040b010b02", "320f00016100010723000101000b017879e000", "f00818061500036162" "63",
    ]
    for h in v5:
        save("mqtt", b"\0\5" + bytes.fromhex(h[:len(h) // 2 * 2]))
        save("mqtt", b"\4\5" + bytes.fromhex(h[:len(h) // 2 * 2]))
    for h in (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"PROXY TCP6 ::1 ::2 65535 0\r\n", b"PROXY UNKNOWN x\r\n",
              b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\1\2\3\4\5\6\7\x08\0\1\0\2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\2ab",
              b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes(36), b"CONNECT {}\r\n"):
        save("proxy", b"\0\3" + h)
    for text in (b"+ACK", b"-NAK 10s", b'-NAK {"delay":5}', b"+NXT 5", b"+TERM bad", b"1h2m3.5s", b"-1.5ms", b"9e", b"1KiB",
                 b"$JS.ACK.S.C.1.2.3.4.5", b"$JS.ACK.d.h.S.C.1.2.3.4.5@foo",
                 b'{"batch":10,"expires":5,"no_wait":true,"group":"g","id":"i"}', b'{"Batch":1,"x":[1]}'):
        save("ack", text)
    for capture, protocol in [("client", 1), ("mqtt", 5), ("route", 2), ("route-leaf", 2), ("gateway", 3), ("leaf", 4),
                              ("http", 6), ("ws", 6), ("route-s2", 2 | 128), ("leaf-s2", 4), ("ws-deflate", 6),
                              ("ws-mqtt", 6), ("ws-leaf-s2", 6), ("ws-leaf-deflate", 6)]:
        seed = conversations("tests/golden/wire/%s.cap" % capture, 1800)
        save("decode", b"\0" + seed)
        save("decode", bytes([protocol]) + seed)
    raft()
    with open("tests/golden/wire/client.cap", "rb") as f:
        save("capture", f.read()[:1200])
    for name in ("client", "mqtt", "route-leaf", "ws", "http"):
        for line in open("tests/golden/wire/%s.json" % name, "rb").read().split(b"\n")[:60]:
            if 0 < len(line) < 600:
                save("capture", line)


def raft():
    seen = set()
    for name in ("01-boot", "03-publish", "06-stepdown", "11-snapshot-catchup"):
        b = open("tests/golden/raft/%s.rec" % name, "rb").read()
        at = 8
        while at < len(b):
            n = struct.unpack_from("<I", b, at)[0]
            op = b[at + 20:at + 20 + n]
            at += 20 + n
            if not op.startswith(b"RMSG ") or b" $NRG." not in op[:60]:
                continue
            line, body = op.split(b"\r\n", 1)
            body, subject = body[:-2], line.split()[2]
            kind = {b"V": 1, b"AE": 3, b"CR": 3, b"CP": 4, b"R": 2 if len(body) == 17 else 4}[subject.split(b".")[1]]
            if len(body) < 1500 and (kind, len(body)) not in seen:
                seen.add((kind, len(body)))
                save("raft", bytes([kind, 3]) + body)


main()
