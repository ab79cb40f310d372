"""Saved fits spoilt in every way that a file can be: bytes, text, arrays, members; the same ones for the same seed."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Members = dict[str, bytes]

_TOKEN = re.compile(r'"[^"]*"|-?\d+\.?\d*(?:e-?\d+)?|null|true|false')
_WORDS = (
    "null", "-1", "1e308", '"zz"', '""', "[]", "{}", "99999999", "true", '{"tuple": []}', '{"list": [1]}',
    '{"number": "nan"}', '{"array": "a0"}', '{"class": "Control", "fields": {}}',
    '{"special": "ModelSpec", "value": 9}', "1e999", "123456789012345678901234567890",
    '"\\ud800"', '{"dict": [["a", 1]]}', "[[[[[[1]]]]]]",
)  # fmt: skip


def mutations(saved: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Endless spoilt copies of a saved fit, each with what was done to it."""
    rng = np.random.default_rng(seed)
    kinds: tuple[tuple[str, Callable[[bytes, np.random.Generator], bytes]], ...] = (
        ("bytes", _flip), ("cut", _cut), ("token", _retoken), ("part", _repart), ("part", _repart), ("array", _rearray),
        ("members", _remember), ("bomb", _bomb), ("token", _retoken), ("text", _retext),
    )  # fmt: skip
    for number in range(10**9):
        kind, spoil = kinds[number % len(kinds)]
        yield f"{kind} {number} of seed {seed}", spoil(saved, rng)


def members_of(saved: bytes) -> Members:
    """The archive's members."""
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of `members`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def array_bytes(array: Any) -> bytes:
    """An array as numpy saves it, objects by pickle."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _flip(saved: bytes, rng: np.random.Generator) -> bytes:
    spoilt = bytearray(saved)
    for place in rng.integers(0, len(saved), rng.choice([1, 3, 20])):
        spoilt[place] = rng.integers(256)
    return bytes(spoilt)


def _cut(saved: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(rng.integers(0, len(saved), 2))
    return saved[:first] + saved[last:] if rng.random() < 0.5 else saved[:last]


def _retoken(saved: bytes, rng: np.random.Generator) -> bytes:
    members = members_of(saved)
    text = members["fit.json"].decode()
    for _ in range(rng.choice([1, 2])):
        tokens = list(_TOKEN.finditer(text))
        token = tokens[rng.integers(len(tokens))]
        text = text[: token.start()] + str(rng.choice(_WORDS)) + text[token.end() :]
    return packed(members | {"fit.json": text.encode()})


def _repart(saved: bytes, rng: np.random.Generator) -> bytes:
    """A part left out, doubled, emptied or put in the place of another."""
    members = members_of(saved)
    body = json.loads(members["fit.json"])
    places = list(_places(body))
    owner, key = places[rng.integers(len(places))]
    action = rng.integers(4)
    if action == 0:
        del owner[key]
    elif action == 1:
        other, its = places[rng.integers(len(places))]
        owner[key] = json.loads(json.dumps(other[its]))
    elif action == 2 and isinstance(owner, list):
        owner.append(json.loads(json.dumps(owner[key])))
    elif action == 2:
        owner["added"] = owner[key]
    else:
        owner[key] = type(owner[key])()
    return packed(members | {"fit.json": json.dumps(body).encode()})


def _places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every key and index of nested dicts and lists."""
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        yield part, key
        if isinstance(part[key], dict | list):
            yield from _places(part[key])


def _rearray(saved: bytes, rng: np.random.Generator) -> bytes:
    members = members_of(saved)
    names = sorted(n for n in members if n.endswith(".npy"))
    name = names[rng.integers(len(names))]
    array = np.load(io.BytesIO(members[name]))
    flat = array.astype(float)
    spoilt: list[Any] = [
        np.full(array.shape, np.nan), np.full(array.shape, np.inf), np.zeros(0), array[..., None], array.ravel()[:-1],
        np.zeros(array.shape, int), flat.astype("f4"), np.zeros(array.shape), -flat, flat * 1e200,
        np.full(array.shape, "a"),
        np.array([{}], dtype=object), rng.permutation(array) if array.ndim else array, np.zeros((2, 3)),
        array.astype(">f8"), np.full(array.shape, -7, array.dtype),
    ]  # fmt: skip
    return packed(members | {name: array_bytes(spoilt[rng.integers(len(spoilt))])})


def _remember(saved: bytes, rng: np.random.Generator) -> bytes:
    members = members_of(saved)
    names = sorted(members)
    name = names[rng.integers(len(names))]
    others: dict[str, bytes] = {
        "../../outside.npy": members[names[0]],
        "more.json": b"{}",
        "a999.npy": members[names[0]],
    }
    action = rng.integers(4)
    if action == 0:
        members.pop(name)
    elif action == 1:
        extra = sorted(others)[rng.integers(len(others))]
        members[extra] = others[extra]
    elif action == 2:
        members[name] = members[names[rng.integers(len(names))]]
    else:
        members[name] = rng.bytes(rng.integers(300))
    return packed(
        members, int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    )


def _bomb(saved: bytes, rng: np.random.Generator) -> bytes:
    """Megabytes of nothing in a few kilobytes; kept small enough that a test may fall for them."""
    members = members_of(saved)
    names = sorted(members)
    name = names[rng.integers(len(names))]
    nothing = bytes(2**22)
    head = array_bytes(np.zeros(2**19))[:128] + nothing
    huge = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    huge += b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }".ljust(117) + b"\n"
    spoilt = (nothing, head, huge, b" " * 2**22 + members["fit.json"], b"[" * 10**5, b'{"a":' * 10**5)
    return packed(members | {name: spoilt[rng.integers(len(spoilt))]})


def _retext(saved: bytes, rng: np.random.Generator) -> bytes:
    members = members_of(saved)
    text = members["fit.json"]
    spoilt = (
        b"", b"[]", b"null", b"3", b'"a"', b"{}", b"\xff\xfe", text[: len(text) // 2], text.replace(b"1", b"NaN", 3),
        text.replace(b'"version": 1', b'"version": 1e400'), text.replace(b'"version": 1', b'"version": true'),
        text.replace(b"cond", b"zi"), text.replace(b'"us"', b'"diag"'), text.replace(b'"tuple"', b'"list"'),
        text.replace(b"Intercept", b"np.lib"), text.replace(b"poisson", b"gaussian"), text.replace(b"log", b"identity"),
        text.replace(b'"row": 0', b'"row": 7'), text.replace(b"false", b"true"), text.replace(b"true", b"false"),
        text.replace(b'"reduced": true', b'"reduced": false'), text.replace(b"int64", b"category"),
        text.replace(b'"object"', b'"datetime64[ns]"'), text.replace(b'"str"', b'"int64"'),
        text.replace(b"_v0", b"__import__('os')"), text.replace(b"poly(", b"np.f2py.os.system("),
    )  # fmt: skip
    return packed(members | {"fit.json": spoilt[rng.integers(len(spoilt))]})
