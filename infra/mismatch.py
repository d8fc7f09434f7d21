"""How the settings of a stack must fit together. Each check is a plain function that raises for what does not."""

from __future__ import annotations

from infra.settings import AWS_ACCOUNTS, StackSettings
from pipeline.limits.ceilings import Ceilings, Prices, least_call

_FOUNDATION = "databricks-"


class Mismatch(Exception):
    """Settings that don't fit together: `key` is the one to change, and the text says how."""

    def __init__(self, key: str, fix: str) -> None:
        super().__init__(fix)
        self.key = key


def check_together(settings: StackSettings) -> None:
    """Raises Mismatch for the first setting that does not fit the others."""
    for check in (_protection, _place, _people, _compute, _model, _ceilings):
        check(settings)


def _protection(settings: StackSettings) -> None:
    if settings.environment.startswith("prod") and not settings.protect:
        raise Mismatch("protect", "production data must be protected: set it to true")


def _place(settings: StackSettings) -> None:
    if settings.workspace == "existing":
        if not settings.host:
            raise Mismatch("host", "set it to the workspace's address, or set workspace to create")
        created = ("region", "metastore_id", "aws_role_arn", "aws_root_bucket", "vpc_id", "subnet_ids")
        for key in (*created, "security_group_ids"):
            if getattr(settings, key):
                raise Mismatch(key, "it is for a workspace to create: leave it out, or set workspace to create")
        return
    if settings.host:
        raise Mismatch("host", "a workspace is either given or created: leave host out, or set workspace to existing")
    for key in ("account_id", "region", "metastore_id"):
        if not getattr(settings, key):
            raise Mismatch(key, "a workspace to create needs it: set it")
    network = [bool(settings.vpc_id), len(settings.subnet_ids) >= 2, bool(settings.security_group_ids)]
    if any(network) and not all(network):
        raise Mismatch("vpc_id", "a network is a vpc_id, two subnet_ids and security_group_ids: give all or none")


def _people(settings: StackSettings) -> None:
    if not settings.service_principal and not settings.account_id:
        raise Mismatch(
            "account_id",
            "set it, so that you may run jobs as the principal to create; or give an existing service_principal",
        )
    if settings.create_groups:
        for key in ("account_id", "operators", "readers"):
            if not getattr(settings, key):
                raise Mismatch(key, "create_groups needs it: set it, or set create_groups to false")
        if settings.cloud != "aws" and settings.account_host == AWS_ACCOUNTS:
            raise Mismatch(
                "account_host", "the groups are created in the account: give the address of your cloud's console"
            )
    if settings.operators and settings.operators == settings.readers:
        raise Mismatch("readers", "operators and readers must be two groups: name another")


def _compute(settings: StackSettings) -> None:
    if settings.distribute_above and not settings.workers:
        raise Mismatch("workers", "distribute_above needs workers to distribute to: set it to 1 or more")


def _model(settings: StackSettings) -> None:
    if not settings.model:
        raise Mismatch("model", "name a serving endpoint, or a model at openai_base_url")
    custom = settings.model_source == "databricks" and not settings.model.startswith(_FOUNDATION)
    if custom and not settings.model_permissions:
        raise Mismatch(
            "model_permissions",
            "for a custom endpoint set manage (this stack replaces its permissions) or given "
            "(you have granted CAN_QUERY to the job's principal)",
        )
    if settings.model_permissions == "manage" and not custom:
        raise Mismatch("model_permissions", "this model's permissions can't be managed: leave it out")
    if bool(settings.aws_secrets) != bool(settings.aws_region):
        missing = "aws_region" if settings.aws_secrets else "aws_secrets"
        raise Mismatch(missing, "aws_secrets and aws_region belong together: set both or none")


def _ceilings(settings: StackSettings) -> None:
    prices = {"input_price": settings.input_price, "output_price": settings.output_price}
    unknown = next((key for key, price in prices.items() if not price), None)
    if settings.price_a_month and unknown:
        raise Mismatch(unknown, "price_a_month needs both prices: set it to the price of a million tokens")
    ceilings = Ceilings(
        user_tokens_a_day=settings.user_tokens_a_day,
        chat_tokens_a_day=settings.chat_tokens_a_day,
        tokens_a_day=settings.tokens_a_day,
        price_a_month=settings.price_a_month,
        prices=Prices(*prices.values()),
    )
    call = least_call(settings.max_tokens)
    for ceiling in ceilings.set:
        if ceilings.measure(ceiling, call) > ceilings.limit(ceiling):
            raise Mismatch(
                ceiling.value,
                f"it allows no call, which may cost {call.prompt} tokens and {call.completion} of the answer: "
                "raise it, or lower max_tokens",
            )
