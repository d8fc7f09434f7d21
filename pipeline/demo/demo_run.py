"""The run of the demo: `pipeline run` in a process of its own, as in production."""

from __future__ import annotations

import time

from pipeline.demo.failure import DemoError
from pipeline.demo.faults.run_process import RunProcess

_READY_WITHIN = 180.0


class DemoRun(RunProcess):
    """The demo's run. Its log is in its storage."""

    def wait_until_serving(self) -> None:
        """Raises DemoError where it ends before, or takes too long."""
        until = time.monotonic() + _READY_WITHIN
        while time.monotonic() < until:
            self.require_running()
            if self.is_serving:
                return
            time.sleep(0.05)
        raise DemoError(f"the run is not ready after {_READY_WITHIN:.0f} s: see {self.log}")

    def require_running(self) -> None:
        """Raises DemoError with the last line of its log if it has ended."""
        if not self.running:
            log = self.log.read_text(errors="replace").strip()
            reason = log.splitlines()[-1] if log else "its log is empty"
            raise DemoError(f"the run ended: {reason.removeprefix('pipeline: ')}")
