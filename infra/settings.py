"""The settings of one environment: a typed model over its stack's configuration, checked before all else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from pipeline.errors import SettingsError
from pipeline.redaction import scrub

PROJECT = "telegram-lakehouse"
TOKEN = "telegram_token"

_ENVIRONMENT = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
_HOST = re.compile(r"^(https://[\w.-]+(:\d+)?|http://(127\.0\.0\.1|localhost)(:\d+)?)$")
_URL = re.compile(r"^https?://[^\s@]+$")
_SQL_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")
_FOLDER = re.compile(r"^/Workspace/[^/].*$")
_EMAIL = re.compile(r"^[^@\s,]+@[^@\s,]+$")
_CHAT = re.compile(r"-?[1-9]\d{0,18}", re.ASCII)
_TAG = re.compile(r"^[\w .:/+-]{1,127}$")
_QUARTZ_FIELDS = (6, 7)
_FOUNDATION = "databricks-"
_AWS_ACCOUNTS = "https://accounts.cloud.databricks.com"


def _setting(default: Any, description: str, **bounds: Any) -> Any:
    return Field(default, description=description, **bounds)


def _split(value: object) -> object:
    return tuple(piece for piece in re.split(r"[,\s]+", value) if piece) if isinstance(value, str) else value


class StackSettings(BaseModel):
    """One environment. An empty text stands for what is not given, since a stack file holds texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), hide_input_in_errors=True)

    environment: str
    """The stack's name: every name of a resource carries it."""

    protect: bool = _setting(False, "Protect and keep what holds data. Required for prod.")
    tags: str = _setting("", "More tags, as team=data,cost-center=42.")

    workspace: Literal["existing", "create"] = _setting(
        "existing", "existing: use the workspace at host. create: make one on AWS."
    )
    host: str = _setting("", "Address of the existing workspace, https://…")
    account_id: str = _setting("", "The Databricks account's id, from the account console.")
    account_host: str = _setting(_AWS_ACCOUNTS, "Address of the account console.")
    region: str = _setting("", "AWS region of a workspace to create.")
    metastore_id: str = _setting("", "Unity Catalog metastore to assign to a workspace to create.")
    aws_role_arn: str = _setting("", "Cross-account role for a workspace to create. Empty: it is made.")
    aws_root_bucket: str = _setting("", "Root bucket, with its policy, for a workspace to create. Empty: it is made.")
    vpc_id: str = _setting("", "VPC for a workspace to create. Empty: Databricks manages the network.")
    subnet_ids: tuple[str, ...] = _setting((), "Two subnets of that VPC, comma-separated.")
    security_group_ids: tuple[str, ...] = _setting((), "Its security groups, comma-separated.")

    service_principal: str = _setting("", "Application id of an existing principal to run as. Empty: it is made.")
    operators: str = _setting("", "Account group that operates the deployment.")
    readers: str = _setting("", "Account group that may read silver and the dashboard.")
    create_groups: bool = _setting(False, "Make the two groups in the account.")
    deployers: str = _setting("", "Account group that deploys. Empty: whoever runs `up`.")

    folder: str = _setting(
        "", "Workspace folder to make the reports' in. Empty: the deployer's home, so set it if several deploy."
    )

    catalog: str = _setting(
        "", "An existing catalog, in which given groups and principals have USE CATALOG. Empty: one is made."
    )
    catalog_storage: str = _setting("", "Storage root of a catalog to make, where the metastore has none.")
    schema_name: str = _setting("", "The schema to make. Empty: telegram, or in an existing catalog telegram_<stack>.")
    warehouse_id: str = _setting("", "An existing SQL warehouse. Empty: a 2X-Small serverless one is made.")

    mode: Literal["continuous", "triggered"] = _setting("continuous", "Serve all the time, or on the schedule.")
    schedule: str = _setting("0 0/15 * * * ?", "When triggered: Quartz cron, in UTC.")
    paused: bool = _setting(False, "Deploy the job without running it.")
    runtime: str = _setting("17.3.x-scala2.13", "Databricks Runtime of the job's cluster.")
    node_type: str = _setting("", "Its node type. Empty: a small one of the workspace's cloud.")
    spot: bool = _setting(True, "Spot instances, on-demand where there are none.")
    workers: int = _setting(0, "Workers of the cluster; 0 is a single node.", ge=0, le=100)
    distribute_above: int = _setting(0, "Answer on the workers above this many questions in a batch; 0: never.", ge=0)
    backlog_seconds: int = _setting(300, "A backlog of more seconds alerts.", ge=60)
    reports: bool = _setting(True, "Make the dashboard and the alerts, which a workspace's edition or region may lack.")
    alert_minutes: Literal[5, 10, 15, 20, 30, 60] = _setting(
        60, "Minutes between two looks of the alerts: 5, 10, 15, 20, 30 or 60. Each wakes the warehouse."
    )
    max_run_seconds: int = _setting(3600, "When triggered: a longer run alerts, twice as long ends it.", ge=300)
    alert_emails: tuple[str, ...] = _setting((), "Who hears of failures, comma-separated.")

    model: str = _setting(
        "databricks-gpt-oss-20b", "Serving endpoint of the workspace, or a model's name at model_url."
    )
    model_url: str = _setting("", "Address of any OpenAI-compatible server. Empty: the workspace serves the model.")
    model_permissions: Literal["", "manage", "given"] = _setting(
        "", "For an endpoint of your own: manage its permissions here (replacing them), or they are given."
    )
    max_tokens: int = _setting(512, "Most tokens of an answer.", ge=1)
    concurrency: int = _setting(64, "Model calls at once.", ge=1, le=1000)
    input_price: float = _setting(0.0, "USD for a million prompt tokens, for the dashboard. 0: unknown.", ge=0)
    output_price: float = _setting(0.0, "USD for a million answer tokens, likewise.", ge=0)

    telegram_api_url: str = _setting("https://api.telegram.org", "The Bot API server.")
    allowed_chats: tuple[int, ...] = _setting((), "Chat ids to answer in, comma-separated. Empty: all.")
    on_unknown: Literal["hold", "resend"] = _setting("hold", "What to do with a reply of unknown outcome.")
    answer_format: Literal["plain", "html"] = _setting("plain", "How answers are sent.")
    smoke_chat: str = _setting("", "Chat id in which the smoke test is answered. Empty: nobody sees it.")

    aws_secrets: str = _setting("", "Prefix in AWS Secrets Manager, where that is the secrets' source of truth.")
    aws_region: str = _setting("", "Its AWS region.")

    telegram_token: SecretStr | None = _setting(None, "The first token, a Pulumi secret; rotation takes over from it.")

    @field_validator("subnet_ids", "security_group_ids", "alert_emails", "allowed_chats", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return _split(value)

    @field_validator("environment")
    @classmethod
    def _name_part(cls, value: str) -> str:
        return _matching(_ENVIRONMENT, value, "name the stack with up to 20 lower-case letters, digits and dashes")

    @field_validator("host", "account_host", mode="after")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.rstrip("/")
        return value and _matching(_HOST, value, "give the address alone, as https://dbc-1234.cloud.databricks.com")

    @field_validator("model_url", "telegram_api_url")
    @classmethod
    def _url(cls, value: str) -> str:
        value = value.rstrip("/")
        return value and _matching(_URL, value, "give an address that begins with https://, without credentials")

    @field_validator("catalog", "schema_name")
    @classmethod
    def _sql_name(cls, value: str) -> str:
        # Unity Catalog keeps names in lower case. A table whose id in the state were other than its name here would be
        # imported again by each `up`, and then dropped as the one that it replaces.
        return value and _matching(_SQL_NAME, value, "give a name of letters, digits, dashes and underscores").lower()

    @field_validator("folder")
    @classmethod
    def _workspace_path(cls, value: str) -> str:
        value = value.rstrip("/")
        return value and _matching(_FOLDER, value, "give a path that begins with /Workspace/")

    @field_validator("alert_minutes", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("schedule")
    @classmethod
    def _quartz(cls, value: str) -> str:
        if len(value.split()) not in _QUARTZ_FIELDS:
            raise ValueError("give a Quartz cron expression of six fields, as 0 0/15 * * * ?")
        return value

    @field_validator("smoke_chat")
    @classmethod
    def _chat(cls, value: str) -> str:
        return value and _matching(_CHAT, value, "give a chat's id, a number other than 0")

    @field_validator("alert_emails")
    @classmethod
    def _emails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            _matching(_EMAIL, address, "give addresses with commas between them")
        return value

    @field_validator("tags")
    @classmethod
    def _tag_pairs(cls, value: str) -> str:
        for pair in filter(None, value.split(",")):
            key, equals, tag = pair.partition("=")
            if not (equals and _TAG.match(key.strip()) and _TAG.match(tag.strip())):
                raise ValueError("give key=value pairs with commas between them")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for check in (_protection, _place, _people, _compute, _model):
            check(self)
        return self

    @property
    def name(self) -> str:
        """The deployment's name: the stem of the names of its resources."""
        return f"{PROJECT}-{self.environment}"

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of every resource that takes some, sorted by key."""
        pairs = [pair.partition("=") for pair in self.tags.split(",") if pair]
        own = {key.strip(): value.strip() for key, _, value in pairs}
        return dict(sorted({**own, "product": PROJECT, "environment": self.environment}.items()))

    @property
    def default_catalog(self) -> str:
        return f"telegram_lakehouse_{self.environment}".replace("-", "_")

    @property
    def default_schema_name(self) -> str:
        """The schema's name if none is given. In a shared catalog it names the environment."""
        return f"telegram_{self.environment}".replace("-", "_") if self.catalog else "telegram"

    @property
    def model_source(self) -> Literal["databricks", "openai"]:
        return "openai" if self.model_url else "databricks"

    @property
    def cloud(self) -> Literal["aws", "azure", "gcp"]:
        """The workspace's cloud, which its address tells."""
        if "azuredatabricks" in self.host or "databricks.azure" in self.host:
            return "azure"
        return "gcp" if ".gcp.databricks" in self.host else "aws"


class _Unfit(ValueError):
    """A rule over several settings does not hold for `key`."""

    def __init__(self, key: str, fix: str) -> None:
        super().__init__(fix)
        self.key = key


def _matching(pattern: re.Pattern[str], value: str, fix: str) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(fix)
    return value


def _protection(settings: StackSettings) -> None:
    if settings.environment.startswith("prod") and not settings.protect:
        raise _Unfit("protect", "production data must be protected: set it to true")


def _place(settings: StackSettings) -> None:
    if settings.workspace == "existing":
        if not settings.host:
            raise _Unfit("host", "set it to the workspace's address, or set workspace to create")
        created = ("region", "metastore_id", "aws_role_arn", "aws_root_bucket", "vpc_id", "subnet_ids")
        for key in (*created, "security_group_ids"):
            if getattr(settings, key):
                raise _Unfit(key, "it is for a workspace to create: leave it out, or set workspace to create")
        return
    if settings.host:
        raise _Unfit("host", "a workspace is either given or created: leave host out, or set workspace to existing")
    for key in ("account_id", "region", "metastore_id"):
        if not getattr(settings, key):
            raise _Unfit(key, "a workspace to create needs it: set it")
    network = [bool(settings.vpc_id), len(settings.subnet_ids) >= 2, bool(settings.security_group_ids)]
    if any(network) and not all(network):
        raise _Unfit("vpc_id", "a network is a vpc_id, two subnet_ids and security_group_ids: give all or none")


def _people(settings: StackSettings) -> None:
    if not settings.service_principal and not settings.account_id:
        raise _Unfit(
            "account_id",
            "set it, so that you may run jobs as the principal made; or give an existing service_principal",
        )
    if settings.create_groups:
        for key in ("account_id", "operators", "readers"):
            if not getattr(settings, key):
                raise _Unfit(key, "create_groups needs it: set it, or set create_groups to false")
        if settings.cloud != "aws" and settings.account_host == _AWS_ACCOUNTS:
            raise _Unfit("account_host", "the groups are made in the account: give the address of your cloud's console")
    if settings.operators and settings.operators == settings.readers:
        raise _Unfit("readers", "operators and readers must be two groups: name another")


def _compute(settings: StackSettings) -> None:
    if settings.distribute_above and not settings.workers:
        raise _Unfit("workers", "distribute_above needs workers to distribute to: set it to 1 or more")
    if settings.workers and not settings.distribute_above:
        raise _Unfit("distribute_above", "workers are of use only with it: set it, or set workers to 0")


def _model(settings: StackSettings) -> None:
    if not settings.model:
        raise _Unfit("model", "name a serving endpoint, or a model at model_url")
    own = settings.model_source == "databricks" and not settings.model.startswith(_FOUNDATION)
    if own and not settings.model_permissions:
        raise _Unfit(
            "model_permissions",
            "for an endpoint of your own say manage (this stack replaces its permissions) or given "
            "(you gave the job's principal CAN_QUERY)",
        )
    if settings.model_permissions == "manage" and not own:
        raise _Unfit("model_permissions", "this model's permissions can't be managed: leave it out")
    if bool(settings.aws_secrets) != bool(settings.aws_region):
        missing = "aws_region" if settings.aws_secrets else "aws_secrets"
        raise _Unfit(missing, "aws_secrets and aws_region belong together: set both or none")


def read_stack_settings(
    environment: str, config: Mapping[str, str], secret_keys: Collection[str] = ()
) -> StackSettings:
    """Settings from a stack's whole configuration, its keys as `project:key`. Raises SettingsError for the first fault.

    `secret_keys` are the keys that the engine holds as secrets: the token must be one.
    """
    prefix = f"{PROJECT}:"
    own = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    known = [key for key in StackSettings.model_fields if key != "environment"]
    for key in sorted(own):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            fix = f"did you mean {near[0]}?" if near else "Pulumi.yaml lists the settings there are"
            raise SettingsError(f"{key} is no setting: {fix}")
    given = {key: value for key, value in own.items() if value != ""}
    if TOKEN in given and f"{prefix}{TOKEN}" not in secret_keys:
        raise SettingsError(f"{TOKEN} is held in plain text: set it again with `pulumi config set --secret {TOKEN}`")
    try:
        return StackSettings.model_validate({"environment": environment, **given})
    except ValidationError as error:
        raise SettingsError(_line(error, given)) from None


def _line(error: ValidationError, given: Mapping[str, object]) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    cause = fault.get("ctx", {}).get("error")
    key = cause.key if isinstance(cause, _Unfit) else str(fault["loc"][0])
    fix = str(cause or fault["msg"].replace("Input should", "it should", 1))
    fix = fix[:1].lower() + fix[1:]
    if key == "environment":
        return f"the stack's name can't be used: {fix}"
    if key not in given:
        return f"{key} is not set: {fix}"
    shown = "<secret>" if key == TOKEN else scrub(repr(given[key]))[:200]
    return f"{key} is {shown}: {fix}"
