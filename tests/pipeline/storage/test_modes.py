"""Who may read a storage."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage.durable import write_durably
from pipeline.storage.modes import close_to_others, make_folder, private_files, umask_of
from pipeline.storage.places import Storage


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def storage_at(root: Path) -> Storage:
    return Storage(root, root / "landing", root / "journal", root / "checkpoints", "b", "s", "q", "f")


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_what_is_created_within_the_block_is_closed_to_others(tmp_path: Path) -> None:
    with private_files(tmp_path / "new"):
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
    assert (mode(tmp_path / "folder"), mode(tmp_path / "file")) == (0o700, 0o600)
    (tmp_path / "later").touch()
    assert mode(tmp_path / "later") == 0o644


@pytest.mark.parametrize(("root", "umask"), [(0o700, 0o077), (0o755, 0o027), (0o750, 0o027), (0o770, 0o007)])
def test_the_group_gets_what_the_root_gives_it(tmp_path: Path, root: int, umask: int) -> None:
    tmp_path.chmod(root)
    assert umask_of(tmp_path) == umask


def test_a_storage_is_prepared_for_its_owner_alone(tmp_path: Path) -> None:
    storage = storage_at(tmp_path / "a" / "lake")
    storage.prepare()
    storage.claim(42)
    assert {mode(path) for path in (tmp_path / "a").rglob("*") if path.is_dir()} == {0o700}
    assert {mode(path) for path in (tmp_path / "a").rglob("*") if path.is_file()} == {0o600}


def test_a_durable_file_is_for_those_that_its_folder_is_for(tmp_path: Path) -> None:
    for folder, file in ((0o700, 0o600), (0o755, 0o640), (0o770, 0o660)):
        tmp_path.chmod(folder)
        write_durably(tmp_path / "x", b"1")
        assert mode(tmp_path / "x") == file


def test_a_storage_that_is_open_is_closed_to_others_and_keeps_what_its_group_has(tmp_path: Path) -> None:
    storage = storage_at(tmp_path)
    storage.prepare()
    storage.claim(42)
    tmp_path.chmod(0o755)
    assert storage.close_to_others()
    assert mode(tmp_path) == 0o750
    assert not storage.close_to_others()


def test_a_folder_that_was_made_for_a_storage_is_closed_at_its_first_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    storage = storage_at(tmp_path)
    storage.prepare()
    assert storage.close_to_others()
    assert mode(tmp_path) == 0o750


@pytest.mark.parametrize(
    ("root", "content", "closed"), [(0o755, False, True), (0o755, True, False), (0o1777, False, False)]
)
def test_a_folder_that_is_shared_for_other_reasons_is_left_as_it_is(
    tmp_path: Path, root: int, content: bool, closed: bool
) -> None:
    if content:
        (tmp_path / "theirs").touch()
    tmp_path.chmod(root)
    assert close_to_others(tmp_path, is_storage=False) is closed


def test_missing_parents_are_created_alike_and_a_folder_that_exists_is_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path)
    assert [mode(path) for path in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o700, 0o700]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"):
        make_folder(tmp_path / "file")
