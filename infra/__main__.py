"""The Pulumi program: `pulumi up` runs this folder."""

from __future__ import annotations

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from infra.deployment import deploy, export
from infra.stack_config import read_stack_settings
from pipeline.errors import OperatorError

config = CONFIG.get()
try:
    export(deploy(read_stack_settings(pulumi.get_stack(), config, set(filter(is_config_secret, config)))))
except OperatorError as error:
    raise pulumi.RunError(str(error)) from None
