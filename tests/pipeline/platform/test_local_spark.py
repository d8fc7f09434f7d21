"""Which Java runs Spark on this machine, and the error where there is none."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from pipeline.platform import local_spark
from pipeline.platform.local_spark import LocalSparkError, java_home


def _java(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n")
    program.chmod(0o755)
    return home


@pytest.fixture
def _no_other_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(local_spark, "_wheel_jre", list)


@pytest.mark.usefixtures("_no_other_java")
def test_java_home_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = _java(tmp_path / "21", "21.0.8"), _java(tmp_path / "17", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(first))
    monkeypatch.setattr("shutil.which", lambda _: str(second / "bin" / "java"))
    assert java_home() == first


@pytest.mark.usefixtures("_no_other_java")
@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292"])
def test_an_old_java_is_skipped_for_the_one_of_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path / "old", version)))
    wheel = _java(tmp_path / "wheel", "21.0.8")
    monkeypatch.setattr(local_spark, "_wheel_jre", lambda: [wheel])
    assert java_home() == wheel


@pytest.mark.usefixtures("_no_other_java")
def test_without_a_java_one_line_says_how_to_fix_it() -> None:
    with pytest.raises(
        LocalSparkError, match=r"^Java 17 or later is missing: install it and set JAVA_HOME, or run `make"
    ):
        java_home()


def test_missing_jars_are_named_before_spark_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local_spark, "_found_java", lambda: (tmp_path, ""))
    monkeypatch.setattr(local_spark, "_jar_folder", lambda: tmp_path)
    with pytest.raises(LocalSparkError, match=r"^Delta's jars are missing: run `make setup`"):
        local_spark.session("local[1]", tmp_path / "logs")


def test_java_reads_the_trust_store_with_the_certificates_of_this_machine(tmp_path: Path) -> None:
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    store = tmp_path / "trusted.jks"
    store.write_bytes(local_spark.trust_store(certificates))
    program = tmp_path / "Count.java"
    program.write_text(
        "public class Count { public static void main(String[] a) throws Exception {"
        ' var s = java.security.KeyStore.getInstance("JKS"); s.load(new java.io.FileInputStream(a[0]),'
        ' "changeit".toCharArray()); System.out.println(s.size()); } }'
    )
    java = str(java_home() / "bin" / "java")
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=True).stdout
    if "jdk.compiler" not in modules:
        pytest.skip("a JRE can't compile the reader; but then the set-up has already used such a store")
    done = subprocess.run([java, str(program), str(store)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(len(certificates)), done.stderr


@pytest.mark.parametrize(("size", "moved"), [(10, False), (11, True)])
def test_a_long_log_of_spark_is_set_aside_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, moved: bool
) -> None:
    monkeypatch.setattr(local_spark, "_LONG_LOG", 10)
    log, aside = tmp_path / "spark.log", tmp_path / "spark.log.1"
    log.write_text("x" * size)
    with local_spark._stderr_to(log):
        pass
    assert log.read_text() == ("" if moved else "x" * size)
    assert aside.exists() is moved
