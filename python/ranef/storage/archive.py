"""The archive of a saved fit, as a stranger may have made it: every member is measured before it is read.

A member is read only when it is asked for, once, and only if its declared size is what its purpose implies; members
that nothing asks for are refused unread. The decompressor is never given room beyond the declared size.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ranef.errors import DataError
from ranef.storage.stored import TEXT

# What the standard library raises for archives and text that are not what they should be.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, ArithmeticError,
    RuntimeError,
)  # fmt: skip
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1

# Text of this size is read however well it is compressed; more only where each byte of the file stands for at most
# this many: names repeat themselves, but not endlessly.
_ANY_TEXT = 2**24
_TEXT_RATIO = 100

# The head of an array as numpy writes it, of numbers and without pickle.
_HEAD = re.compile(
    rb"\{'descr': '(<f8|<f4|<i8|<i4|[|]b1)', 'fortran_order': (True|False), 'shape': \(((?:\d{1,15},? ?)*)\), \} *\n"
)
_MAGIC = b"\x93NUMPY\x01\x00"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the numbers of an array: their type, shape and order, and its own length in bytes."""

    dtype: str
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    length: int

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return int(np.dtype(self.dtype).itemsize) * math.prod(self.shape)


class Archive:
    """The members of a zip file, each to be had once.

    Parameters
    ----------
    file : the file, open for reading

    Raises
    ------
    DataError
        If it is no zip archive, or has two members of one name.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except _DAMAGE as error:
            raise DataError(f"it is no archive ({error})") from error
        self._unread = {info.filename: info for info in self._zip.infolist()}
        if len(self._unread) < len(self._zip.infolist()):
            raise DataError("two of its members have one name")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def text(self) -> Any:
        """The text member as JSON.

        Raises
        ------
        DataError
            If there is none, or it is no JSON of plain finite numbers.
        """
        info = self._claim(TEXT)
        if info.file_size > max(_ANY_TEXT, _TEXT_RATIO * info.compress_size):
            raise DataError(
                f"{TEXT} would grow from {info.compress_size} to {info.file_size} bytes, beyond what names and numbers "
                f"can be compressed by"
            )
        content = self._content(info, info.file_size)
        try:
            return json.loads(content, parse_constant=_no_constant)
        except _DAMAGE as error:
            raise DataError(f"{TEXT} is no JSON text ({error})") from error

    def head(self, key: str) -> Head:
        """Type and shape of the array called `key`, which stays to be read.

        Raises
        ------
        DataError
            If it is missing, or no array of numbers as numpy writes them.
        """
        name = f"{key}.npy"
        info = self._unread.get(name)
        if info is None:
            raise DataError(f"{name} is missing, or asked for twice")
        start = self._content(info, min(info.file_size, 10))
        length = 10 + int.from_bytes(start[8:], "little")
        match = _HEAD.fullmatch(self._content(info, min(info.file_size, length))[10:])
        if start[: len(_MAGIC)] != _MAGIC or match is None:
            raise DataError(f"{name} is no array of numbers")
        shape = tuple(int(n) for n in match[3].decode().split(",") if n.strip())
        found = Head(match[1].decode(), shape, "F" if match[2] == b"True" else "C", length)
        if info.file_size != length + found.size:
            raise DataError(f"{name} has {info.file_size} bytes, which is not the size of its array")
        return found

    def array(self, key: str, dtype: str, shape: tuple[int | range, ...]) -> NDArray[Any]:
        """The array called `key`, read-only.

        Parameters
        ----------
        key : name without its suffix
        dtype : what it must hold, as numpy writes it
        shape : what it must be, each length a number or a range

        Raises
        ------
        DataError
            If it is missing or another, which is found before it is read.
        """
        head = self.head(key)
        info = self._claim(f"{key}.npy")
        ranges = [range(n, n + 1) if isinstance(n, int) else n for n in shape]
        fits = len(head.shape) == len(shape) and all(n in r for n, r in zip(head.shape, ranges, strict=True))
        if head.dtype != dtype or not fits:
            wanted = _shown(r[0] if len(r) == 1 else f"{r[0]} to {r[-1]}" for r in ranges)
            raise DataError(
                f"{info.filename} holds {_shown(head.shape)} numbers of type {head.dtype}, not {wanted} of {dtype}"
            )
        numbers = np.frombuffer(self._content(info, info.file_size), dtype=dtype, offset=head.length)
        return numbers.reshape(head.shape, order=head.order)

    def expect_end(self) -> None:
        """Nothing must be left.

        Raises
        ------
        DataError
            Naming a member that nothing asked for.
        """
        if self._unread:
            raise DataError(f"it has a member {next(iter(self._unread))!r:.60} that no saved fit has")

    def _claim(self, name: str) -> zipfile.ZipInfo:
        info = self._unread.pop(name, None)
        if info is None:
            raise DataError(f"{name} is missing, or asked for twice")
        if info.compress_type not in _COMPRESSIONS or info.flag_bits & _ENCRYPTED:
            raise DataError(f"{name} is encrypted or compressed in a way that saved fits are not")
        return info

    def _content(self, info: zipfile.ZipInfo, size: int) -> bytes:
        try:
            with self._zip.open(info) as stream:
                content = stream.read(size)
        except _DAMAGE as error:
            raise DataError(f"{info.filename} cannot be read ({error})") from error
        if len(content) != size:
            raise DataError(f"{info.filename} ends early")
        return content


def _shown(shape: Iterable[int | str]) -> str:
    return " x ".join(map(str, shape)) or "single"


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")
