# SPDX-License-Identifier: GPL-2.0-only
"""The files of a suspended machine: unpacked for speed, and known to be whole."""
from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path

CHUNK = 1 << 16


def data_checksum(path: Path) -> int:
    """CRC over what a file holds; zeros count the same as holes, since copies turn one into the other."""
    crc, at = 0, 0
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        while at < end:
            try:
                data = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            hole = os.lseek(file.fileno(), data, os.SEEK_HOLE)
            for place in range(max(data // CHUNK * CHUNK, at), hole, CHUNK):
                part = os.pread(file.fileno(), CHUNK, place)
                if part.count(0) != len(part):
                    crc = zlib.crc32(part, zlib.crc32(struct.pack(">Q", place), crc))
            at = -(-hole // CHUNK) * CHUNK
    return zlib.crc32(struct.pack(">Q", end), crc)


def folder_checksum(folder: Path) -> str:
    """Over each file by name, but for the one that keeps it."""
    names = sorted(p.name for p in folder.iterdir() if p.name != "checksum")
    return " ".join(f"{name}:{data_checksum(folder / name):08x}" for name in names)


def intact(folder: Path) -> bool:
    """Is FOLDER a machine that may be resumed?"""
    try:
        return (folder / "checksum").read_text().strip() == folder_checksum(folder)
    except OSError:
        return False


def unpack_snapshot(source: Path, target: Path) -> None:
    """Memory without compression and with holes resumes fastest."""
    with gzip.open(source, "rb") as packed, open(target, "wb") as out:
        while part := packed.read(1 << 16):
            if part.count(0) == len(part):
                out.seek(len(part), os.SEEK_CUR)
            else:
                out.write(part)
        out.truncate()
