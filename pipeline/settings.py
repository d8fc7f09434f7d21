"""The settings of a run: one typed model, read from the environment. An option overrides each, except the secrets."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AnyHttpUrl, BeforeValidator, Field, ValidationError, field_validator
from pydantic import SecretStr as Secret
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.errors import SettingsError
from pipeline.messages.text import printable
from pipeline.platform.address import check_address, shown_address
from pipeline.platform.credentials import CredentialError, ModelAccess, secret_source
from pipeline.platform.databricks import endpoint_access, on_databricks, scope_secret
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from pipeline.redaction import scrub
from pipeline.storage.paths import check_folder, check_table
from pipeline.storage.places import Storage

_KEY = re.compile(r"^[!-~]+$")
_TOKEN = re.compile(r"^(\d+):\S+$", re.ASCII)

TOKEN_KEY = "TELEGRAM_BOT_TOKEN"
MODEL_KEY = "OPENAI_API_KEY"
_SECRETS = (TOKEN_KEY, MODEL_KEY, f"{TOKEN_KEY}_FILE", f"{MODEL_KEY}_FILE")

RENAMED = {"PIPELINE_FORMAT": "PIPELINE_ANSWER_FORMAT"}
"""Variables of earlier versions, and their names now."""

TELEGRAM_ADDS, MODEL_ADDS = r"/bot(\d+:[^/]*)?", "/chat/completions"
"""What the clients add to their addresses, as patterns: it must not be a part of them."""

_PREFIX = "PIPELINE_"
_LONGEST_LINE = 200
_ALIKE = 0.8
"""How alike two names must be, from 0 to 1, for one to be taken for the other misspelt."""


def _folder(value: object) -> object:
    check_folder(str(value))
    return value


def _table(value: str) -> str:
    check_table(value, on_cluster=on_databricks())
    return value


def check_line(value: str) -> str:
    """The text without blanks around it. Raises ValueError where it is more than one short line."""
    line = value.strip()
    if printable(line) != line or len(line) > _LONGEST_LINE:
        raise ValueError(f"give one line of at most {_LONGEST_LINE} characters, without control characters")
    return line


def _address(value: object, leave_out: str = "") -> object:
    if isinstance(value, str):
        check_address(value, leave_out=leave_out)
    return value


Folder = Annotated[Path, BeforeValidator(_folder)]
TablePlace = Annotated[str, AfterValidator(_table)]
OneLine = Annotated[str, AfterValidator(check_line)]
OnOff = Literal["on", "off"]
TelegramAddress = Annotated[AnyHttpUrl, BeforeValidator(lambda value: _address(value, TELEGRAM_ADDS))]
ModelAddress = Annotated[AnyHttpUrl, BeforeValidator(lambda value: _address(value, MODEL_ADDS))]

_Settings = TypeVar("_Settings", bound="StorageSettings")


def _setting(default: Any, help: str, env: str | None = None, **bounds: Any) -> Any:
    return Field(default, description=help, validation_alias=env, **bounds)


class UnknownVariable(SettingsError):
    """A variable of the environment seems to be meant as a setting, and is none."""


class StorageSettings(BaseSettings):
    """Where everything durable is: what `pipeline status` reads, and a part of the settings of a run."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
        protected_namespaces=(),
    )

    storage: Folder = _setting(Path("lakehouse"), "Folder or volume path for everything durable.")
    bronze: TablePlace | None = _setting(
        None, "Table of all updates, as a path or as catalog.schema.table.  [storage/bronze]"
    )
    silver: TablePlace | None = _setting(
        None, "Table of questions and answers, as a path or as catalog.schema.table.  [storage/silver]"
    )
    quarantine: TablePlace | None = _setting(
        None, "Table of unreadable lines, as a path or as catalog.schema.table.  [storage/quarantine]"
    )
    feedback_table: TablePlace | None = _setting(
        None, "Table of the presses of 👍 and 👎, as a path or as catalog.schema.table.  [storage/feedback]"
    )
    landing: Folder | None = _setting(None, "Folder of landed updates.  [storage/landing]")
    journal: Folder | None = _setting(None, "Folder of the reply journal.  [storage/journal]")

    @property
    def places(self) -> Storage:
        root = self.storage.absolute()
        return Storage(
            root=root,
            landing=(self.landing or root / "landing").absolute(),
            journal=(self.journal or root / "journal").absolute(),
            checkpoints=root / "checkpoints",
            bronze=self.bronze or str(root / "bronze"),
            silver=self.silver or str(root / "silver"),
            quarantine=self.quarantine or str(root / "quarantine"),
            feedback=self.feedback_table or str(root / "feedback"),
        )


class RunSettings(StorageSettings):
    """Everything about a run except its secrets: those are read where they are used, again when they are refused."""

    checkpoints: Folder | None = _setting(None, "Folder of the stream's checkpoints.  [storage/checkpoints]")
    telegram_api_url: TelegramAddress = _setting(
        "https://api.telegram.org", "Address of the Bot API server.", "TELEGRAM_API_URL", validate_default=True
    )
    openai_base_url: ModelAddress = _setting(
        "https://api.openai.com/v1",
        "Address of a model server that implements OpenAI's chat completions.",
        "OPENAI_BASE_URL",
        validate_default=True,
    )
    model_source: Literal["openai", "databricks"] = _setting(
        "openai",
        "Who serves the model. openai: the server at OPENAI_BASE_URL. databricks: a serving endpoint of the workspace, "
        "which is asked as the run's principal.",
    )
    model: str = _setting("", "Name of the model at its server, or of the serving endpoint. Required to run.")
    secret_scope: str | None = _setting(
        None, "Databricks secret scope with the bot's token and the model's key.  [environment or files]"
    )
    concurrency: int = _setting(
        64, "Maximum number of model calls at the same time, on the driver and on each executor.", ge=1, le=1000
    )
    send_rate: float = _setting(
        25.0, "Maximum number of messages a second over all chats. Telegram allows about 30.", gt=0, le=10_000
    )
    distribute_above: int | None = _setting(
        None,
        "Ask the model on the executors for batches of more questions than this.  "
        "[4 times the concurrency where Spark has executors of its own, otherwise never]",
        ge=0,
    )
    model_timeout: float = _setting(60.0, "Seconds to wait for one answer of the model.", gt=0, le=3600)
    model_attempts: int = _setting(
        3, "Number of times to ask the model for an answer before the fallback text is sent.", ge=1, le=20
    )
    max_tokens: int = _setting(512, "Maximum number of tokens of an answer.", ge=1)
    temperature: float | None = _setting(None, "Sampling temperature.  [the server's]", ge=0, le=2)
    telegram_timeout: float = _setting(30.0, "Seconds to wait for a response of the Bot API.", gt=0, le=600)
    poll_seconds: float = _setting(50.0, "Seconds that a long poll waits for updates.", ge=1, le=50)
    conflict_patience: float = _setting(
        60.0, "Seconds to tolerate another poller of the bot (status 409) before the run fails.", ge=0
    )
    startup_patience: float = _setting(30.0, "Seconds to wait at the start for a Bot API that can't be reached.", ge=0)
    max_open: int = _setting(2000, "Maximum number of open replies. At this number further batches wait.", ge=1)
    allowed_chats: Annotated[frozenset[int], NoDecode] = _setting(
        frozenset(), "Ids of the chats to answer in, separated by commas.  [all]"
    )
    allowed_users: Annotated[frozenset[int], NoDecode] = _setting(
        frozenset(),
        "Ids of the users to answer, separated by commas; for what is written in the name of a chat or channel, its "
        "id.  [all]",
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
        0.0, "Maximum price in USD of all tokens in a month of UTC, at the prices below. 0: no limit.", ge=0
    )
    input_price: float = _setting(0.0, "Price in USD of a million prompt tokens. 0: unknown.", ge=0)
    output_price: float = _setting(0.0, "Price in USD of a million answer tokens. 0: unknown.", ge=0)
    privacy_contact: OneLine = _setting(
        "",
        "Whom people ask about their data, as a name or an address: the last line of the answer to /privacy.  [nobody]",
    )
    spark_master: str = _setting("local[*]", "Where Spark runs, unless a cluster provides the session.")

    @field_validator("allowed_chats", "allowed_users", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [piece for piece in re.split(r"[,\s]+", value) if piece] if isinstance(value, str) else value

    @property
    def places(self) -> Storage:
        places = super().places
        return dataclasses.replace(places, checkpoints=(self.checkpoints or places.checkpoints).absolute())

    @property
    def token_name(self) -> str:
        """The bot's token by a name that an operator knows: its environment variable, or its key in the scope."""
        return f"secret {self.secret_scope}/{TELEGRAM_TOKEN}" if self.secret_scope else TOKEN_KEY

    @property
    def key_name(self) -> str:
        """The model's key by a name that an operator knows: its environment variable, or its key in the scope."""
        return f"secret {self.secret_scope}/{LLM_API_KEY}" if self.secret_scope else MODEL_KEY


def bot_token(settings: RunSettings) -> Secret:
    """Read the bot's token, again at each call. Raises CredentialError, which never shows the value."""
    if settings.secret_scope:
        token = scope_secret(settings.secret_scope, TELEGRAM_TOKEN)
    elif (found := secret_source(TOKEN_KEY)()) is not None:
        token = found
    else:
        raise CredentialError(
            f"{TOKEN_KEY} is not set: set it, or {TOKEN_KEY}_FILE, to the token that BotFather gave you"
        )
    if not _TOKEN.match(token.get_secret_value()):
        raise CredentialError(
            f"{settings.token_name} is not a token: BotFather's are a number, a colon and 35 characters"
        )
    return token


def model_access(settings: RunSettings) -> ModelAccess:
    """Read the model's address and bearer token, again at each call. Raises CredentialError.

    Only OpenAI's own server always needs a key.
    """
    if settings.model_source == "databricks":
        return endpoint_access()
    if settings.secret_scope:
        key: Secret | None = scope_secret(settings.secret_scope, LLM_API_KEY)
    else:
        key = secret_source(MODEL_KEY)()
    if key is None and settings.openai_base_url.host == "api.openai.com":
        raise CredentialError(f"{MODEL_KEY} is not set: set it, or {MODEL_KEY}_FILE, or OPENAI_BASE_URL to your server")
    if key is not None and not _KEY.match(key.get_secret_value()):
        # No request can carry it: every message would fail, and look as if it were the cause.
        raise CredentialError(
            f"{settings.key_name} has blanks or characters beyond ASCII: give the key as its issuer shows it"
        )
    return ModelAccess(str(settings.openai_base_url).rstrip("/"), key or Secret("none"))


def bot_id_of(token: Secret) -> int:
    """Id of the bot that a token belongs to: the number before its colon."""
    return int(token.get_secret_value().partition(":")[0])


def env_name(field: str) -> str:
    """The environment variable of a setting."""
    return str(RunSettings.model_fields[field].validation_alias or f"PIPELINE_{field}".upper())


def read_run_settings(overrides: Mapping[str, object] | None = None) -> RunSettings:
    """Settings from the options in `overrides`, then the environment. Raises SettingsError for the first bad one."""
    return read_settings(RunSettings, overrides)


def read_settings(model: type[_Settings], overrides: Mapping[str, object] | None = None) -> _Settings:
    """The same for a part of the settings. The environment may hold all of a run's, but none that is misspelt.

    Raises UnknownVariable for one that is.
    """
    for variable, meant in unknown_variables(os.environ).items():
        if variable in RENAMED:
            raise UnknownVariable(f"{variable} is now {meant}: rename it")
        if meant:
            raise UnknownVariable(f"{variable} is no setting: did you mean {meant}? Rename it, or unset it")
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    by_alias = {str(model.model_fields[name].validation_alias or name): value for name, value in given.items()}
    try:
        return model(**by_alias)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(_line(error)) from None


def unknown_variables(variables: Iterable[str]) -> dict[str, str]:
    """The variables with our prefix that are no settings, and which one each seems to mean: empty if none is alike."""
    settings = {env_name(field) for field in RunSettings.model_fields}
    known = {variable.removeprefix(_PREFIX): variable for variable in (*settings, *_SECRETS)}
    found = {}
    # Upper case, since the settings are read without regard to it.
    for variable in sorted(name for name in variables if name.upper().startswith(_PREFIX)):
        if variable.upper() not in settings:
            near = difflib.get_close_matches(variable.upper().removeprefix(_PREFIX), known, n=1, cutoff=_ALIKE)
            found[variable] = RENAMED.get(variable.upper()) or (known[near[0]] if near else "")
    return found


def _line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = str(first["loc"][0])
    field = next((name for name in RunSettings.model_fields if where in (name, env_name(name))), where)
    key = env_name(field) if field in RunSettings.model_fields else where
    fix = str(first["msg"]).removeprefix("Value error, ")
    fix = fix.replace("Input should", "it should", 1)
    shown = shown_address(str(first["input"])) if field in ("telegram_api_url", "openai_base_url") else first["input"]
    return f"{key} is {_shown(shown)}: {fix[:1].lower()}{fix[1:]}"


def _shown(value: object) -> str:
    return scrub(repr(value))[:200]
