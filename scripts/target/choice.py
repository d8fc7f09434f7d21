"""The choice between a deployment (--stack) and a local run (--local), and the view of its data."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.view.data import DataView


def require_one(stack: str, local: bool) -> None:
    """Raises OperatorError unless exactly one of the two is given."""
    if local == bool(stack):
        raise OperatorError("--stack or --local is needed: say which environment, or that the run is on this machine")


def view_of(stack: str, outputs_file: Path | None, local: bool) -> DataView:
    """The view of the chosen pipeline's data. Raises OperatorError."""
    require_one(stack, local)
    if local:
        from pipeline.settings import read_run_settings
        from pipeline.view.local import LocalView

        view = LocalView(read_run_settings().places)
        view.require_tables()
        return view
    from infra.outputs import read_outputs
    from scripts.target.deployed import deployed_view, signed_in

    outputs = read_outputs(stack, outputs_file)
    return deployed_view(signed_in(outputs), outputs)
