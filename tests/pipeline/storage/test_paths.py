"""What may be given as a folder or as a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.storage.paths import check_folder, check_table


@pytest.mark.parametrize(
    "text", ["lakehouse", "/srv/bot", "../bot", "/Volumes/main/bot/state", "a folder/b", "s3", "C:/bot", "Grüße/~/$x"]
)
def test_a_path_of_the_file_system_is_a_folder(text: str) -> None:
    check_folder(text)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("s3://bucket/bot", "s3:// is no folder: give a folder or a volume path, as /srv/bot or /Volumes/"),
        ("s3:/bucket/bot", "s3:/ is no folder: "),
        ("abfss://c@a.dfs.core.windows.net/bot", "abfss:// is no folder: "),
        ("gs://bucket", "gs:// is no folder: "),
        ("dbfs:/bot", "dbfs:/ is no folder: "),
        ("https://example.org/bot", "https:// is no folder: "),
        ("dbfs:/Volumes/main/bot/state", "leave out dbfs: and give /Volumes/main/bot/state"),
        ("file:///srv/bot", "leave out file: and give /srv/bot"),
        ("~/bot", f"only a shell knows what ~ is: give {Path.home()}/bot"),
        ("~nobody-of-that-name/bot", "only a shell knows what ~nobody-of-that-name is: write the path in full"),
        ("$HOME/bot", r"only a shell knows what \$HOME is: write the path in full"),
        ("", "it is empty: give a folder"),
        (" ", "it is empty: "),
        ("/srv/bot ", "it has blanks at an end"),
        ("/srv/b\x1bot", "it has blanks at an end, or control characters"),
    ],
)
def test_what_would_make_another_folder_than_the_one_that_is_meant_is_refused(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=f"^{fix}"):
        check_folder(text)


@pytest.mark.parametrize("text", ["main.bot.bronze", "/srv/bot/bronze", "tables/bronze"])
@pytest.mark.parametrize("on_cluster", [False, True])
def test_a_table_is_a_name_or_a_path(text: str, on_cluster: bool) -> None:
    check_table(text, on_cluster=on_cluster)


@pytest.mark.parametrize("text", ["s3://bucket/bronze", "dbfs:/bot/bronze", "abfss://c@a/bronze"])
def test_only_a_cluster_reaches_a_table_in_another_store(text: str) -> None:
    check_table(text, on_cluster=True)
    with pytest.raises(ValueError, match="is no folder: a local run keeps its tables in folders: give a path, as /"):
        check_table(text, on_cluster=False)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("bronze", "a table is a path"),
        ("bot.bronze", "a table is a path"),
        ("/srv/`bronze", "a table is a path"),
        ("", "a table is a path"),
        ("~/bronze", "only a shell knows"),
        ("file:/srv/bronze", "leave out file: and give /srv/bronze"),
    ],
)
def test_what_is_no_table_is_refused(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match=f"^{fix}"):
        check_table(text, on_cluster=False)
