"""Finished landing files: `_done/{day}/`, packed once the hour in which they were landed is over.

A day's folder has what was finished on that day: single files, and one pack for each hour, `2027-01-15T08.zip`. A pack
is an ordinary archive of landing files: each member has up to a hundred lines, as a poll has, of files that followed
each other, and is named as the intake names a file. So a hundred times fewer names have to be read at a start, and a
pack can be unpacked into the landing. Its comment is the highest first seq of the files in it.

A pack is durable before the files in it are removed, and replaced as a whole when files come to its hour later. A
process that is killed between the two leaves files whose lines the pack has: they are removed at the next step.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from pipeline.storage.durable import on_volume, write_durably

log = structlog.get_logger(__name__)

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")

DONE = "_done"

KEEP_DONE = timedelta(days=7)
"""How long finished files stay; bronze has their content."""

WIDE = 1000
"""Files that span more ids than this are rare, and none are joined to one that does."""

MOST_ID = 2**63 - 1
_NAME = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:-(?:0|[1-9][0-9]{0,18})){2}\.jsonl$")
_PACK = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}\.zip$")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}$")

_HOUR = 3600
_LATEST_HOUR = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) // _HOUR
_MARGIN = 600.0
"""Seconds that an hour's last files get to be finished."""
_MOST_LINES = 100
_MOST_BYTES = 1_000_000
_MOST_FILES = 50_000
"""Files that one step packs; what it holds in memory is bounded by it."""
_AT_ONCE = 100
_THREADS_ON_VOLUME = 8


class PolledFile(NamedTuple):
    """A file of the intake's, by its name."""

    lowest: int
    """The lowest update_id in it."""
    highest: int
    seq: int
    """The first seq in it."""

    @classmethod
    def named(cls, name: str) -> PolledFile | None:
        """None for any other file: only the intake's have exactly three numbers."""
        if not (name.endswith(".jsonl") and _NAME.match(name)):
            return None
        seq, lowest, highest = map(int, name[:-6].split("-"))
        return cls(lowest, highest, seq) if seq <= MOST_ID and lowest <= highest <= MOST_ID else None

    @property
    def name(self) -> str:
        return f"{self.seq}-{self.lowest}-{self.highest}.jsonl"


def file_seq(name: str) -> int:
    """The first seq of a landing file, by its name; 0 if the name has none."""
    head = name.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


def names_in(folder: Path) -> list[str]:
    """The names in a folder; none where there is no such folder. Raises OSError."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a million paths take three times as long
    except (FileNotFoundError, NotADirectoryError):
        return []


class DoneFiles:
    """The finished files of one landing.

    Threads: any thread may read. Only one at a time may call `pack` and `expire`; both may run beside the readers.
    """

    def __init__(self, landing: Path, pause: Callable[[], None] = lambda: time.sleep(0.02)) -> None:
        """`pause` is called after each hundred files of a pack, so that the threads that serve people go first."""
        self._folder = landing / DONE
        self._pause = pause

    def day(self, now: float) -> Path:
        """The folder of what is finished at `now`, seconds since 1970. It need not exist."""
        return self._folder / _day(now)

    def expire(self, now: float) -> None:
        """Remove what was finished longer than KEEP_DONE ago."""
        oldest = _day(now - KEEP_DONE.total_seconds())
        for day in self._days():
            if day.name < oldest:
                shutil.rmtree(day, ignore_errors=True)

    # Reading.

    def files(self, since: float) -> tuple[list[PolledFile], int]:
        """The intake's files with a first seq of at least `since`, and the highest first seq; a pack's members for it.

        Of the hour of `since` itself all that is packed counts. Raises OSError.
        """
        found: list[PolledFile] = []
        packs: list[Path] = []
        newest = 0
        first_pack = f"{_hour_name(_hour(int(max(0, since))))}.zip"
        for day in self._days():
            for name in names_in(day):
                file = PolledFile.named(name)
                if file is not None:
                    if file.seq >= since:
                        found.append(file)
                elif _PACK.match(name) and name >= first_pack:
                    packs.append(day / name)
        for members, newest_in_pack in self._for_each(_members_of, packs):
            found += members
            newest = max(newest, newest_in_pack)
        return found, max(newest, max((file.seq for file in found), default=0))

    def text(self, file: PolledFile) -> str:
        """The lines of a finished file, perhaps with others of its hour; empty if it has expired. Raises OSError."""
        days = self._days()
        for day in days:
            try:
                return (day / file.name).read_text(errors="replace")
            except FileNotFoundError:
                continue
        # It is a pack's member, or has been packed since its name was read.
        texts = [_text_in_pack(day / f"{_hour_name(_hour(file.seq))}.zip", file) for day in days]
        return "".join(texts)

    def _days(self) -> list[Path]:
        return [self._folder / name for name in sorted(names_in(self._folder)) if _DAY.match(name)]

    # Packing.

    def pack(self, now: float, confirm: Callable[[], None]) -> bool:
        """Pack the files of one hour that is over; whether there was one. `confirm` is called before each write.

        Raises OSError, and what `confirm` raises.
        """
        return any(self._pack_hour(day, hour, names, confirm) for day, hour, names in self._due(now))

    def _due(self, now: float) -> Iterator[tuple[Path, int, list[str]]]:
        """The hours that are over and have single files, the oldest first."""
        for day in self._days():
            hours: dict[int, list[str]] = defaultdict(list)
            for name in names_in(day):
                if name[0] != "." and not name.endswith((".zip", ".damaged")):
                    hours[_hour(file_seq(name))].append(name)
            day_is_over = day.name < _day(now - _MARGIN)
            for hour in sorted(hours):
                # A clock that was set back leaves files with a seq of the future: their day decides.
                if day_is_over or (hour + 1) * _HOUR + _MARGIN <= now:
                    yield day, hour, sorted(hours[hour], key=file_seq)[:_MOST_FILES]

    def _pack_hour(self, day: Path, hour: int, names: Sequence[str], confirm: Callable[[], None]) -> bool:
        path = day / f"{_hour_name(hour)}.zip"
        content = io.BytesIO(_intact(path))
        read: list[str] = []
        with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as pack:
            taken = set(pack.namelist())
            packed = {line for name in taken for line in pack.read(name).split(b"\n")}
            newest = _newest_seq(pack)
            known = len(taken)
            for name, lines in _joined(self._new_lines(day, names, packed, read)):
                pack.writestr(_free(name, taken), lines)
            pack.comment = str(max(newest, *map(file_seq, read), 0)).encode()
        if not read:
            return False
        confirm()
        if len(taken) > known:
            write_durably(path, content.getvalue())
        for some in _in_groups(read):
            self._for_each(lambda name: (day / name).unlink(missing_ok=True), some)
            self._pause()
        return True

    def _new_lines(
        self, day: Path, names: Sequence[str], packed: set[bytes], read: list[str]
    ) -> Iterator[tuple[str, list[bytes]]]:
        """Each file with those of its lines that are not packed yet; the names of all that were read go to `read`."""
        for some in _in_groups(names):
            contents = self._for_each(lambda name: _content(day / name), some)
            for name, content in zip(some, contents, strict=True):
                if content is not None:
                    read.append(name)
                    lines = [line for line in content.split(b"\n") if line and line not in packed]
                    if lines:
                        yield name, lines
            self._pause()

    def _for_each(self, act: Callable[[_Given], _Result], given: Sequence[_Given]) -> list[_Result]:
        """On a volume each call goes over the network: then several at once."""
        if not on_volume(self._folder):
            return list(map(act, given))
        with ThreadPoolExecutor(_THREADS_ON_VOLUME) as pool:
            return list(pool.map(act, given))


def _in_groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))


def _joined(files: Iterable[tuple[str, list[bytes]]]) -> Iterator[tuple[str, bytes]]:
    """The members of a pack: files of the intake's are joined to those before, any other stays by itself."""
    group: PolledFile | None = None
    lines: list[bytes] = []
    size = 0
    for name, added in files:
        file = PolledFile.named(name)
        added_size = sum(map(len, added))
        if file is None:
            yield name, _as_file(added)
            continue
        both = None if group is None else _both(group, file)
        if both is None or len(lines) + len(added) > _MOST_LINES or size + added_size > _MOST_BYTES:
            if group is not None:
                yield group.name, _as_file(lines)
            both, lines, size = file, [], 0
        group = both
        lines += added
        size += added_size
    if group is not None:
        yield group.name, _as_file(lines)


def _both(group: PolledFile, file: PolledFile) -> PolledFile | None:
    """One name for both; None where a search by id would then read too much."""
    lowest, highest = min(group.lowest, file.lowest), max(group.highest, file.highest)
    # Updates without a usable id are looked for among themselves.
    if highest - lowest > WIDE or (group.highest == 0) != (file.highest == 0):
        return None
    return PolledFile(lowest, highest, group.seq)


def _as_file(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


def _free(name: str, taken: set[str]) -> str:
    """The name, changed if another member has it: a file was edited, or put here by hand."""
    while name in taken:
        name = f"again-{name}"
    taken.add(name)
    return name


def _content(path: Path) -> bytes | None:
    """None where it can't be read: it then stays where it is, and hinders no other."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("a finished file can't be packed", file=path.name, reason=error.strerror or str(error))
        return None


def _intact(pack: Path) -> bytes:
    """The content of a pack; empty if there is none. One that is damaged is put aside, under the end `.damaged`."""
    try:
        content = pack.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.testzip() is None:
                return content
    except FileNotFoundError:
        return b""
    except zipfile.BadZipFile:
        pass
    log.warning("a pack of finished files is damaged and put aside", pack=str(pack))
    pack.rename(pack.with_name(f"{pack.name}.damaged"))
    return b""


def _members_of(pack: Path) -> tuple[list[PolledFile], int]:
    """The intake's files in a pack, and the highest first seq of the files that were joined to them."""
    try:
        with zipfile.ZipFile(pack) as archive:
            return [file for name in archive.namelist() if (file := PolledFile.named(name))], _newest_seq(archive)
    except (OSError, zipfile.BadZipFile) as error:
        # What it has can't be recognised any more; a start that fails for it would help nobody.
        log.warning("a pack of finished files can't be read", pack=str(pack), reason=type(error).__name__)
        return [], 0


def _newest_seq(archive: zipfile.ZipFile) -> int:
    return int(archive.comment) if archive.comment.isdigit() else 0


def _text_in_pack(pack: Path, wanted: PolledFile) -> str:
    """The lines of all members of a pack that may have an update of the wanted file."""
    try:
        with zipfile.ZipFile(pack) as archive:
            names = [
                name
                for name in archive.namelist()
                if (file := PolledFile.named(name)) and file.lowest <= wanted.highest and wanted.lowest <= file.highest
            ]
            return "".join(archive.read(name).decode(errors="replace") for name in names)
    except FileNotFoundError:
        return ""
    except zipfile.BadZipFile:
        log.warning("a pack of finished files can't be read", pack=str(pack), reason="BadZipFile")
        return ""


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _hour(seq: int) -> int:
    """The hour since 1970 in which a file was landed."""
    return min(seq // (_HOUR * 1_000_000), _LATEST_HOUR)


def _hour_name(hour: int) -> str:
    return datetime.fromtimestamp(hour * _HOUR, UTC).strftime("%Y-%m-%dT%H")
