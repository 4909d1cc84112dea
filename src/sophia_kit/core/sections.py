"""The sections of the settings: one for the company, the warehouse, each vendor, each job."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
)

__all__ = [
    "CompanySettings",
    "GitHubSettings",
    "GongSettings",
    "HttpSettings",
    "JobSettings",
    "LandingSettings",
    "N8nSettings",
    "NotionSettings",
    "PrivacySettings",
    "SalesforceSettings",
    "ServerSettings",
    "SlackSettings",
    "SnowflakeSettings",
    "WarehouseSettings",
]

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$", max_length=255)]
"""A name of Snowflake's that needs no quotes; case doesn't matter."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CompanySettings(_Section):
    """Calendar and money of the company that is reported on.

    Attributes:
        history_begins: the first day from which the sources hold everything. What lies before it is known in part at
            most: a balance of an earlier day would count those alone who are still there.
    """

    name: str = "The company"
    time_zone: str = "UTC"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    fiscal_year_start_month: Annotated[int, Field(ge=1, le=12)] = 1
    week_start: Literal["monday", "sunday"] = "monday"
    history_begins: date | None = None

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is not an IANA time zone, e.g. America/Chicago") from None
        return value


class WarehouseSettings(_Section):
    """Which warehouse answers, and limits of the embedded one.

    Attributes:
        engine: where metrics are evaluated. The demo workspace is always on DuckDB.
    """

    engine: Literal["duckdb", "snowflake"] = "duckdb"
    keep_snapshots: PositiveInt = 14
    memory_limit_mb: Annotated[int, Field(ge=64)] = 384
    threads: PositiveInt = 2
    query_timeout_s: PositiveFloat = 30.0
    row_limit: PositiveInt = 1_000_000


class HttpSettings(_Section):
    """Patience with vendors. The same everywhere; see docs/connectors.md."""

    connect_timeout_s: PositiveFloat = 5.0
    read_timeout_s: PositiveFloat = 30.0
    attempts: PositiveInt = 10
    deadline_s: PositiveFloat = 180.0
    backoff_initial_s: NonNegativeFloat = 0.5
    backoff_max_s: NonNegativeFloat = 15.0
    max_answer_mb: PositiveFloat = 64.0


class PrivacySettings(_Section):
    """What is stored of personal data. See docs/privacy.md.

    Attributes:
        hash_key: the key with which fields are hashed, 16 characters or more; without it they are dropped.
        messages: whether chat messages are read.
        transcripts: whether what was said in calls is read.
        fields: by `table.column` of a raw table, what is stored in place of the contract's choice.
    """

    hash_key: SecretStr | None = None
    messages: bool = False
    transcripts: bool = False
    fields: dict[str, Literal["keep", "hash", "drop"]] = {}

    @field_validator("hash_key")
    @classmethod
    def _not_to_be_guessed(cls, value: SecretStr | None) -> SecretStr | None:
        # Addresses are few: who guesses the key finds everybody behind their hashes.
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError("a key has at least 16 characters")
        return value

    @property
    def key(self) -> bytes | None:
        """The key as bytes; None when there is none."""
        return self.hash_key.get_secret_value().encode() if self.hash_key else None


class SlackSettings(_Section):
    """A Slack app, by its bot token.

    Attributes:
        channels: names or ids of the channels to read; all that the bot is a member of when empty.
        repull_days: how far back each load reads again, for edits, deletions and late replies.
        tier_factor: times Slack's published limits of requests per minute; under 1 to leave room for other apps.
    """

    base_url: str = "https://slack.com"
    token: SecretStr | None = None
    channels: tuple[str, ...] = ()
    repull_days: PositiveInt = 7
    tier_factor: PositiveFloat = 1.0


class GongSettings(_Section):
    """Gong, by an access key of its API.

    Attributes:
        repull_days: how far back each load reads again, for calls that came late, were corrected or deleted.
        competitor_tracker: the name of the keyword tracker that counts mentions of competitors.
    """

    base_url: str = "https://api.gong.io"
    access_key: str | None = None
    access_key_secret: SecretStr | None = None
    repull_days: PositiveInt = 14
    competitor_tracker: str = "Competitors"
    requests_per_second: PositiveFloat = 3.0


class NotionSettings(_Section):
    """A Notion integration.

    Attributes:
        objectives, key_results, check_ins, knowledge: title or id of the data source that holds them; empty when there
            is none.
    """

    base_url: str = "https://api.notion.com"
    token: SecretStr | None = None
    objectives: str = "Objectives"
    key_results: str = "Key results"
    check_ins: str = "Check-ins"
    knowledge: str = "Knowledge"
    requests_per_second: PositiveFloat = 3.0


class GitHubSettings(_Section):
    """GitHub, by an app's private key and installation, or by a token.

    Attributes:
        repositories: what is read, each as `owner/name`.
    """

    base_url: str = "https://api.github.com"
    repositories: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")], ...] = ()
    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    installation_id: Annotated[str, Field(pattern=r"^[0-9]+$")] | None = None
    private_key: SecretStr | None = None
    token: SecretStr | None = None
    requests_per_second: PositiveFloat = 10.0


class N8nSettings(_Section):
    """An n8n instance, by a key of its public API.

    Attributes:
        repull_days: how far back each load reads again, for executions that waited or were still running.
    """

    base_url: str | None = None
    api_key: SecretStr | None = None
    repull_days: PositiveInt = 14
    requests_per_second: PositiveFloat = 10.0


class SalesforceSettings(_Section):
    """A Salesforce app, by its refresh-token flow or its JWT bearer flow.

    Attributes:
        base_url: the login host, e.g. https://example.my.salesforce.com.
        jwt_user, private_key: the user who is logged in, and the key (PEM) of the app's certificate: in place of a
            client secret and a refresh token.
        objects: the objects that may be read; those of the kit when empty.
        fields: by object, the fields of it that may be read; any of an object that isn't named.
        api_limit_share: the share of the organisation's daily API requests at which reading stops, so that
            the people who work in Salesforce keep the rest.
    """

    base_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None
    jwt_user: str | None = None
    private_key: SecretStr | None = None
    objects: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] = {}
    api_version: Annotated[str, Field(pattern=r"^v\d+\.0$")] = "v66.0"
    requests_per_second: PositiveFloat = 20.0
    api_limit_share: Annotated[float, Field(gt=0, le=1)] = 0.8


class SnowflakeSettings(_Section):
    """A Snowflake account that a data platform loads, read by a role that only reads.

    Attributes:
        account: the account's identifier, `organisation-account`.
        base_url: where the account is reached when not at `https://<account>.snowflakecomputing.com`: over a private
            link, or a server of the same protocol. Without encryption on loopback only.
        database: holds the schemas `RAW` and `META`, which the platform fills.
        view_schema: the schema of the canonical views in that database.
        private_key: of the user's key pair (PEM). Either it or a programmatic access token.
        sessions: how many queries run at a time.
        allow_deploy: whether this process may create views. From the environment only.
    """

    account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")] | None = None
    base_url: Annotated[str, Field(pattern=r"^(https://[^/]+|http://(127\.0\.0\.1|localhost)(:\d+)?)$")] | None = None
    user: str | None = None
    role: Identifier | None = None
    warehouse: Identifier | None = None
    database: Identifier | None = None
    view_schema: Identifier = "ANALYTICS"
    private_key: SecretStr | None = None
    private_key_passphrase: SecretStr | None = None
    token: SecretStr | None = None
    query_tag: Annotated[str, Field(max_length=2000)] = "sophia-kit"
    statement_timeout_s: PositiveInt = 60
    login_timeout_s: PositiveInt = 15
    row_limit: PositiveInt = 100_000
    sessions: Annotated[int, Field(ge=1, le=16)] = 4
    writer_user: str | None = None
    writer_role: Identifier | None = None
    writer_private_key: SecretStr | None = None
    writer_private_key_passphrase: SecretStr | None = None
    writer_token: SecretStr | None = None
    allow_deploy: bool = False


class LandingSettings(_Section):
    """The folder where a data platform delivers Parquet: `<path>/<table>/<delivery>.parquet`."""

    path: Path | None = None


class JobSettings(_Section):
    """A job: a notebook, run after the load."""

    notebook: str
    time_limit_s: PositiveFloat = 900.0


class ServerSettings(_Section):
    """What `sophia serve` answers to, and within which limits.

    Attributes:
        host: the address it listens on. One that other machines reach needs `authentication`.
        names: further names it is asked by, in the `Host` header: those of a proxy before it.
        authentication: `off`, for this machine alone, or `tokens`.
        requests_per_minute: of one caller.
        session_hours: how long a browser stays signed in.
        audit_days: how long the audit log is kept.
        max_request_bytes: of a request's body.
        request_timeout_s: until the headers of a request are there, and until its answer begins.
        shutdown_patience_s: how long requests that are running when the server is told to end may take.
        health_cache_s: how long what a vendor answered stands for its state.
        error_rate_target: the share of requests that may fail.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    names: tuple[str, ...] = ()
    authentication: Literal["off", "tokens"] = "off"
    requests_per_minute: PositiveInt = 600
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    audit_days: PositiveInt = 90
    max_request_bytes: Annotated[int, Field(ge=1024)] = 1_048_576
    request_timeout_s: PositiveFloat = 60.0
    shutdown_patience_s: PositiveFloat = 20.0
    health_cache_s: NonNegativeFloat = 300.0
    error_rate_target: Annotated[float, Field(gt=0, lt=1)] = 0.01
