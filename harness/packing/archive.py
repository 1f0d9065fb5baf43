"""A file of many members, each with its digest: written whole or not at all, and read verified.

It is a ZIP archive without compression, as its members have their own, and the same members give
the same bytes. `manifest.json` lists them.
"""

import hashlib
import io
import json
import os
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from harness.errors import UserError

KIND, SCHEMA = "imbalance-harness pack", 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20
# What reading an archive raises whose bits have flipped.
FOREIGN = (BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, struct.error)
NAME_AND_EXTRA, NAME_BEGINS = 26, 30  # where a local header has the lengths of both, and the first


@dataclass(frozen=True, eq=False)
class Archive:
    """A verified file: what its manifest says, and its members by name."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def members(self) -> Mapping[str, str]:
        """The digest of each member."""
        found: Mapping[str, str] = self.manifest["members"]
        return found

    @cached_property
    def _file(self) -> ZipFile:
        return ZipFile(self.path)

    def read(self, name: str) -> bytes:
        """Return a member as a whole; raises KeyError if there is none."""
        return self._file.read(name)

    def mapped(self, name: str) -> Any:
        """Return a member as a file of Arrow's, mapped into memory; KeyError if there is none.

        Members are not compressed, so that one lies in the archive as it is.
        """
        import pyarrow as pa  # type: ignore[import-untyped]

        member = self._file.getinfo(name)
        with self.path.open("rb") as raw:
            raw.seek(member.header_offset + NAME_AND_EXTRA)
            name_length, extra_length = struct.unpack("<HH", raw.read(4))
            start = raw.tell() + name_length + extra_length
        whole = pa.memory_map(str(self.path)).read_buffer()
        return pa.BufferReader(whole.slice(start, member.file_size))


def open_archive(path: Path) -> Archive:
    """Return what a file holds, when every member has the digest that the manifest gives it.

    Raises:
        UserError: it is no such file, cut short, damaged, or written in a newer form.

    """
    begins = False
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give the file that harness pack wrote")
        with path.open("rb") as file:
            begins = file.read(NAME_BEGINS + len(MANIFEST)).endswith(MANIFEST.encode())
        with ZipFile(path) as file:
            _refuse_packed_anew(path, file, begins)
            manifest = _manifest(path, file, begins)
            _verify(path, file, manifest)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; give one that harness pack wrote") from error
    except FOREIGN as error:
        raise _no_pack(path, begins) from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return Archive(path, manifest)


def _refuse_packed_anew(path: Path, file: ZipFile, begins: bool) -> None:
    """Refuse what could unfold to more than the file's size, before any of it is read."""
    members = file.infolist()
    if MANIFEST not in (names := [member.filename for member in members]):
        raise _no_pack(path, begins)
    packed = any(
        member.compress_type != ZIP_STORED or member.file_size != member.compress_size
        for member in members
    )
    overlap = sum(member.file_size for member in members) > path.stat().st_size
    if packed or overlap or len({*names}) < len(names):
        raise UserError(
            f"{path} is no pack as harness pack wrote it: its members are compressed, overlap or "
            "are double; copy the file that it wrote, as a whole"
        )


def _manifest(path: Path, file: ZipFile, begins: bool) -> dict[str, Any]:
    try:
        manifest = json.loads(file.read(MANIFEST))
        kind, schema = manifest["kind"], manifest["schema"]
    except (KeyError, TypeError, ValueError) as error:
        raise _no_pack(path, begins) from error
    if kind != KIND:
        raise _no_pack(path)
    if type(schema) is not int or schema < 1:
        raise _no_pack(path)
    if schema > SCHEMA:
        raise UserError(
            f"{path} is written in form {schema}, and this version of the program reads "
            f"form {SCHEMA}: update it, as with pip install --upgrade imbalance-harness"
        )
    if not isinstance(manifest.get("members"), dict):
        raise _no_pack(path)
    return dict(manifest)


def _verify(path: Path, file: ZipFile, manifest: Mapping[str, Any]) -> None:
    names = file.namelist()
    for name, digest in manifest["members"].items():
        if name not in names:
            raise UserError(f"{path} lacks its member {name}; copy it again, as a whole")
        with file.open(name) as member:
            found = _digest(member)
        if found != digest:
            raise UserError(
                f"{path} is damaged: the digest of its member {name} is another than it was "
                "written with; copy it again"
            )


def _no_pack(path: Path, begins: bool = False) -> UserError:
    """Return the refusal of a file; one that begins as a pack does was cut short.

    The end of a member that is an archive itself then looks like the end of the whole.
    """
    if begins:
        return UserError(f"{path} is cut short or damaged; copy it again, as a whole")
    return UserError(f"{path} is no pack; give a file that harness pack wrote")


def write_archive(path: Path, facts: Mapping[str, Any], folder: Path) -> None:
    """Write all files of a folder and the manifest's facts as one file.

    Raises:
        UserError: something stands there already, or nothing can be written there.

    """
    refuse_taken(path)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    members = {}
    for name in names:
        with (folder / name).open("rb") as member:
            members[name] = _digest(member)
    manifest = {"kind": KIND, "schema": SCHEMA, **facts, "members": members}
    aside = path.with_name(f".{os.getpid()}-{get_ident()}.pack")
    try:
        with ZipFile(aside, "w") as file:
            _add(file, MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()))
            for name in names:
                with (folder / name).open("rb") as member:
                    _add(file, name, member)
        _put(aside, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # where no file can be, there is none to remove
            aside.unlink()


def _put(aside: Path, path: Path) -> None:
    """Give a finished file its name, unless something has come to stand there."""
    try:
        os.link(aside, path)
    except FileExistsError:
        refuse_taken(path)
        raise
    except OSError:  # a file system without links
        refuse_taken(path)
        aside.rename(path)


def refuse_taken(path: Path) -> None:
    """Raise UserError if something stands where a new file is to be written."""
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give the name of a new file in it")
        if path.exists() or path.is_symlink():
            raise UserError(f"{path} exists; give the name of a new file, or remove it first")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _add(file: ZipFile, name: str, content: BinaryIO) -> None:
    """Add a member without a date, so that the same content gives the same file."""
    with file.open(ZipInfo(name), "w", force_zip64=True) as member:
        shutil.copyfileobj(content, member, BLOCK)


def _digest(content: Any) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    while block := content.read(BLOCK):
        hashed.update(block)
    return hashed.hexdigest()
