"""The settings of one environment, as one typed model: their meaning and their defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from infra.setting_kinds import (
    Chat,
    Emails,
    Environment,
    Folder,
    FromText,
    Host,
    Ids,
    Line,
    ModelUrl,
    Names,
    Schedule,
    SqlName,
    Tags,
    TelegramUrl,
)
from pipeline.settings import OnOff

PROJECT = "telegram-lakehouse"
TOKEN = "telegram_token"

AWS_ACCOUNTS = "https://accounts.cloud.databricks.com"


def _setting(default: Any, description: str, **bounds: Any) -> Any:
    return Field(default, description=description, **bounds)


class StackSettings(BaseModel):
    """One environment. An empty text means that a setting is not given, since a stack's configuration holds texts.

    A setting with the name of a run's setting is passed to the run: `infra/job_parameters.py`. Whether the settings fit
    together is checked where they are read: `infra/mismatch.py`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), hide_input_in_errors=True)

    environment: Environment
    """The stack's name. The names of all resources contain it."""

    protect: bool = _setting(False, "Protect everything that holds data from deletion. Required for production.")
    tags: Tags = _setting("", "Additional tags of the resources, as team=data,cost-center=42.")

    workspace: Literal["existing", "create"] = _setting(
        "existing", "existing: use the workspace at `host`. create: create a workspace on AWS."
    )
    host: Host = _setting("", "Address of the existing workspace, https://…")
    account_id: str = _setting("", "Id of the Databricks account, from the account console.")
    account_host: Host = _setting(AWS_ACCOUNTS, "Address of the account console.")
    region: str = _setting("", "AWS region of the workspace to create.")
    metastore_id: str = _setting("", "Unity Catalog metastore for the workspace to create.")
    aws_role_arn: str = _setting("", "Cross-account role for the workspace to create. Empty: create a role.")
    aws_root_bucket: str = _setting(
        "", "Root bucket, with its bucket policy, for the workspace to create. Empty: create a bucket."
    )
    vpc_id: str = _setting("", "VPC for the workspace to create. Empty: Databricks manages the network.")
    subnet_ids: Names = _setting((), "Two or more subnets of the VPC `vpc_id`, separated by commas.")
    security_group_ids: Names = _setting((), "Security groups of the VPC `vpc_id`, separated by commas.")

    service_principal: str = _setting(
        "", "Application id of an existing service principal that the job runs as. Empty: create a principal."
    )
    operators: str = _setting("", "Account group that operates the deployment. Empty: no such group.")
    readers: str = _setting("", "Account group that may read silver and the dashboard. Empty: no such group.")
    create_groups: bool = _setting(False, "Create the groups `operators` and `readers` in the account.")
    deployers: str = _setting("", "Account group whose members deploy. Empty: the user who runs `up`.")

    folder: Folder = _setting(
        "",
        "Workspace folder in which the reports get a folder of their own. Empty: the deployer's home folder; "
        "set it if several people deploy.",
    )

    catalog: SqlName = _setting(
        "",
        "Existing catalog, on which existing groups and an existing principal have USE CATALOG. "
        "Empty: create a catalog.",
    )
    adopt: bool = _setting(
        False,
        "Take over a catalog or a schema that has the name of the one to create and does not carry this stack's mark.",
    )
    catalog_storage: str = _setting("", "Storage root of the catalog to create, if the metastore has none.")
    schema_name: SqlName = _setting(
        "", "Name of the schema to create. Empty: telegram, or telegram_<stack> in an existing catalog."
    )
    warehouse_id: str = _setting("", "Existing SQL warehouse. Empty: create a serverless one of size 2X-Small.")

    mode: Literal["continuous", "triggered"] = _setting(
        "continuous", "continuous: the job runs all the time. triggered: it runs on the `schedule`."
    )
    schedule: Schedule = _setting("0 0/15 * * * ?", "When a triggered job runs: a Quartz cron expression, in UTC.")
    paused: bool = _setting(False, "Deploy the job and the alerts, but don't run them.")
    runtime: str = _setting("17.3.x-scala2.13", "Databricks Runtime of the job's cluster.")
    node_type: str = _setting("", "Node type of the job's cluster. Empty: a small one of the workspace's cloud.")
    spot: bool = _setting(True, "Use spot instances for the job's cluster; on-demand ones if none is available.")
    workers: int = _setting(0, "Number of workers of the job's cluster. 0: a single node.", ge=0, le=100)
    distribute_above: int = _setting(
        0,
        "Ask the model on the workers for batches of more questions than this. "
        "0: four times `concurrency`, if there are workers.",
        ge=0,
    )
    backlog_seconds: int = _setting(300, "Alert when messages wait for longer than this many seconds.", ge=60)
    reports: bool = _setting(
        True, "Create the dashboard and the alerts. Some editions and regions of Databricks do not offer them."
    )
    alert_minutes: Annotated[Literal[5, 10, 15, 20, 30, 60], FromText] = _setting(
        60,
        "Minutes between two evaluations of the alerts: 5, 10, 15, 20, 30 or 60. "
        "Each evaluation starts the warehouse, which costs money.",
    )
    max_run_seconds: int = _setting(
        3600, "Alert when a triggered run takes longer than this many seconds; end it after twice as many.", ge=300
    )
    alert_emails: Emails = _setting((), "Email addresses to notify of failures, separated by commas.")

    model: str = _setting(
        "databricks-gpt-oss-20b", "Name of a serving endpoint of the workspace, or of a model at `openai_base_url`."
    )
    openai_base_url: ModelUrl = _setting(
        "",
        "Address of a model server that implements OpenAI's chat completions, as https://models.example.org/v1. "
        "Empty: the workspace serves the model.",
    )
    model_permissions: Literal["", "manage", "given"] = _setting(
        "",
        "Who sets the permissions of a custom serving endpoint. manage: this stack, which replaces all of them. "
        "given: you have granted CAN_QUERY to the job's principal.",
    )
    max_tokens: int = _setting(512, "Maximum number of tokens of an answer.", ge=1)
    concurrency: int = _setting(
        64, "Maximum number of model calls at the same time, on the driver and on each worker.", ge=1, le=1000
    )
    input_price: float = _setting(
        0.0,
        "Price in USD of a million prompt tokens, for `price_a_month` and the dashboard's costs. 0: unknown.",
        ge=0,
    )
    output_price: float = _setting(
        0.0,
        "Price in USD of a million answer tokens, for `price_a_month` and the dashboard's costs. 0: unknown.",
        ge=0,
    )
    user_tokens_a_day: int = _setting(
        0, "Maximum number of tokens that one user may cost in a day of UTC. 0: no limit.", ge=0
    )
    chat_tokens_a_day: int = _setting(
        0, "Maximum number of tokens that one chat may cost in a day of UTC. 0: no limit.", ge=0
    )
    tokens_a_day: int = _setting(
        0, "Maximum number of tokens that all chats together may cost in a day of UTC. 0: no limit.", ge=0
    )
    price_a_month: float = _setting(
        0.0,
        "Maximum price in USD of all tokens in a month of UTC, at `input_price` and `output_price`. 0: no limit.",
        ge=0,
    )

    telegram_api_url: TelegramUrl = _setting("https://api.telegram.org", "Address of the Bot API server.")
    allowed_chats: Ids = _setting((), "Ids of the chats to answer in, separated by commas. Empty: all chats.")
    allowed_users: Ids = _setting(
        (),
        "Ids of the users to answer, separated by commas; for what is written in the name of a chat or channel, its "
        "id. Empty: all users.",
    )
    on_unknown: Literal["hold", "resend"] = _setting(
        "hold", "When nobody can know whether a reply was sent. hold: do not send it again. resend: send it again."
    )
    answer_format: Literal["plain", "html"] = _setting(
        "plain", "Format in which answers are sent. HTML that Telegram refuses is sent again as plain text."
    )
    context_turns: int = _setting(
        10,
        "Maximum number of earlier questions with their answers that the model is given. 0: each message is answered "
        "on its own.",
        ge=0,
        le=100,
    )
    context_tokens: int = _setting(
        2000, "Maximum number of tokens of these, as an estimate on the high side.", ge=1, le=1_000_000
    )
    context_hours: float = _setting(
        24.0, "Number of hours after which an earlier question no longer counts.", gt=0, le=720
    )
    drafts: OnOff = _setting(
        "on", "Whether an answer is shown in a private chat while the model writes it, with a button that stops it."
    )
    feedback: OnOff = _setting("on", "Whether 👍 and 👎 are shown under each answer of the model.")
    privacy_contact: Line = _setting(
        "",
        "Whom people ask about their data, as a name or an address: the last line of the answer to /privacy. "
        "Empty: no such line.",
    )
    smoke_chat: Chat = _setting(
        "", "Id of the chat to which the answer to the smoke test's message is sent. Empty: it is not sent."
    )

    aws_secrets: str = _setting(
        "", "Prefix of the secrets' names in AWS Secrets Manager. Empty: only the secret scope keeps the secrets."
    )
    aws_region: str = _setting("", "AWS region of the secrets in AWS Secrets Manager.")

    telegram_token: SecretStr | None = _setting(
        None, "The bot's first token, set with --secret. Later tokens are set with secrets/rotate.py."
    )

    @property
    def name(self) -> str:
        """The deployment's name. The names of its resources begin with it."""
        return f"{PROJECT}-{self.environment}"

    @property
    def deployment(self) -> str:
        """The deployment as its catalog and its schema are marked with it: project/stack."""
        return f"{PROJECT}/{self.environment}"

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of every resource that takes tags, sorted by key."""
        pairs = [pair.partition("=") for pair in self.tags.split(",") if pair]
        own = {key.strip(): value.strip() for key, _, value in pairs}
        return dict(sorted({**own, "product": PROJECT, "environment": self.environment}.items()))

    @property
    def catalog_name(self) -> str:
        """The catalog to use or to create."""
        return self.catalog or self.default_catalog

    @property
    def schema_to_create(self) -> str:
        return self.schema_name or self.default_schema_name

    @property
    def default_catalog(self) -> str:
        """Name of the catalog to create."""
        return f"telegram_lakehouse_{self.environment}".replace("-", "_")

    @property
    def default_schema_name(self) -> str:
        """The schema's name if none is given. In an existing catalog it names the environment."""
        return f"telegram_{self.environment}".replace("-", "_") if self.catalog else "telegram"

    @property
    def model_source(self) -> Literal["databricks", "openai"]:
        return "openai" if self.openai_base_url else "databricks"

    @property
    def cloud(self) -> Literal["aws", "azure", "gcp"]:
        """The workspace's cloud, by its address."""
        if "azuredatabricks" in self.host or "databricks.azure" in self.host:
            return "azure"
        return "gcp" if ".gcp.databricks" in self.host else "aws"
