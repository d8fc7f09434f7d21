"""A deployment's outputs, as `pulumi stack output --json` prints them."""

from __future__ import annotations

from infra.outputs import Outputs


def outputs(**changes: str) -> Outputs:
    """Those of the stack `prod`, with the model served elsewhere and no AWS, but for `changes`."""
    of_prod = {
        "environment": "prod",
        "host": "https://workspace.example.org",
        "job_id": "1",
        "job_url": "https://workspace.example.org/jobs/1",
        "trigger": "continuous",
        "service_principal": "7d1c3b1e-0000-4000-8000-000000000001",
        "operators": "bot-operators",
        "readers": "bot-readers",
        "secret_scope": "bot-prod",
        "catalog": "main",
        "schema_name": "bot_prod",
        "bronze": "main.bot_prod.bronze",
        "silver": "main.bot_prod.silver",
        "quarantine": "main.bot_prod.quarantine",
        "feedback": "main.bot_prod.feedback",
        "answers": "main.bot_prod.answers",
        "landing": "/Volumes/main/bot_prod/landing",
        "storage": "/Volumes/main/bot_prod/state",
        "artifacts": "/Volumes/main/bot_prod/artifacts",
        "warehouse_id": "abc123",
        "dashboard_url": "https://workspace.example.org/dashboards/1",
        "model": "scripted",
        "model_source": "openai",
        "model_url": "https://models.example.org/v1",
        "telegram_api_url": "",
        "aws_secrets": "",
        "aws_region": "",
        "smoke_chat": "",
    }
    return Outputs.model_validate(of_prod | changes)
