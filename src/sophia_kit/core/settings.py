"""Settings: the environment (`SOPHIA_*`) first, then `sophia.toml` at the project's root.

Secrets come from the environment alone; a secret in `sophia.toml` is refused. A `SecretStr` never
prints its value, so settings can be shown.
"""

from __future__ import annotations

import json
import os
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from sophia_kit.core.clock import Clock, FrozenClock, SystemClock
from sophia_kit.core.errors import ConfigError
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.core.mcp_settings import McpSettings
from sophia_kit.core.sections import (
    CompanySettings,
    GitHubSettings,
    GongSettings,
    HttpSettings,
    JobSettings,
    LandingSettings,
    N8nSettings,
    NotionSettings,
    PrivacySettings,
    SalesforceSettings,
    ServerSettings,
    SlackSettings,
    SnowflakeSettings,
    WarehouseSettings,
)
from sophia_kit.core.suggest import nearest
from sophia_kit.core.variables import misspelt, model_at, variable_of

__all__ = [
    "CompanySettings",
    "GitHubSettings",
    "GongSettings",
    "HttpSettings",
    "JobSettings",
    "LandingSettings",
    "LlmSettings",
    "N8nSettings",
    "NotionSettings",
    "PrivacySettings",
    "SalesforceSettings",
    "ServerSettings",
    "Settings",
    "SlackSettings",
    "SnowflakeSettings",
    "WarehouseSettings",
    "find_root",
    "load_settings",
]

Origin = Literal["ci", "local", "demo"]
CONFIG_FILE = "sophia.toml"


class Settings(BaseSettings):
    """Everything configurable.

    Attributes:
        root: the project's root: where notebooks, apps, data and proofs are.
        workspace: the folder below `data/` that this run works in. `demo` is the fictional company's.
        frozen_at: the moment at which the clock stands still; permitted in the demo workspace only,
            since a frozen clock would make old data look fresh.
        proof_key: private Ed25519 key (PEM) for signing evidence as origin `ci`.
        metrics_dir: the folder of the project's own metrics; see `metrics_folder`.
        checks_dir: the folder of the project's own checks of the data; see `checks_folder`.
    """

    model_config = SettingsConfigDict(
        env_prefix="SOPHIA_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        toml_file=None,
    )

    root: Path
    workspace: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = "live"
    frozen_at: datetime | None = None
    state_url: SecretStr | None = None
    proof_key: SecretStr | None = None
    keys_dir: Path | None = None
    metrics_dir: Path | None = None
    checks_dir: Path | None = None
    company: CompanySettings = CompanySettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    http: HttpSettings = HttpSettings()
    privacy: PrivacySettings = PrivacySettings()
    salesforce: SalesforceSettings = SalesforceSettings()
    slack: SlackSettings = SlackSettings()
    gong: GongSettings = GongSettings()
    notion: NotionSettings = NotionSettings()
    github: GitHubSettings = GitHubSettings()
    n8n: N8nSettings = N8nSettings()
    snowflake: SnowflakeSettings = SnowflakeSettings()
    landing: LandingSettings = LandingSettings()
    server: ServerSettings = ServerSettings()
    llm: LlmSettings = LlmSettings()
    mcp: McpSettings = McpSettings()
    jobs: dict[str, JobSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("state_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        # Taken for a file's path, the address of another database would become folders, one called by its password.
        found = "" if value is None else value.get_secret_value()
        if "://" in found and not found.startswith(("postgresql://", "postgres://")):
            raise ValueError("it is no postgresql:// URL")
        return value

    @model_validator(mode="after")
    def _frozen_only_in_demo(self) -> Settings:
        if self.frozen_at is not None:
            if self.workspace != "demo":
                raise ValueError("frozen_at is for the demo workspace: a frozen clock makes old data look fresh")
            if self.frozen_at.tzinfo is None:
                raise ValueError("frozen_at needs a time zone, e.g. 2025-12-31T23:59:59Z")
        return self

    @property
    def demo(self) -> bool:
        return self.workspace == "demo"

    @property
    def engine(self) -> Literal["duckdb", "snowflake"]:
        """Where metrics are evaluated: the demo is on DuckDB whatever is configured."""
        return "duckdb" if self.demo else self.warehouse.engine

    @property
    def origin(self) -> Origin:
        """Whose trail a run's evidence belongs to. Holding the CI key makes it `ci`; the variable CI doesn't."""
        if self.demo:
            return "demo"
        return "ci" if self.proof_key is not None else "local"

    @property
    def data_dir(self) -> Path:
        return self.root / "data" / self.workspace

    @property
    def snapshots_dir(self) -> Path:
        return self.data_dir / "snapshots"

    @property
    def reports_dir(self) -> Path:
        return self.data_dir / "reports"

    @property
    def locks_dir(self) -> Path:
        return self.data_dir / "locks"

    @property
    def audit_dir(self) -> Path:
        return self.data_dir / "audit"

    @property
    def proofs_dir(self) -> Path:
        return self.root / "proofs"

    @property
    def key_folder(self) -> Path:
        """Where private keys of this machine are kept, outside the repository.

        Raises:
            ConfigError: no folder is set, and the user has no home.
        """
        if self.keys_dir is not None:
            return self.keys_dir
        if base := os.environ.get("XDG_CONFIG_HOME"):
            return Path(base) / "sophia-kit" / "keys"
        try:
            return Path.home() / ".config" / "sophia-kit" / "keys"
        except RuntimeError:
            raise ConfigError(
                "This machine's keys have no place: nobody knows whose home folder it would be.",
                hint="Set HOME, or name a folder as SOPHIA_KEYS_DIR.",
            ) from None

    @property
    def metrics_folder(self) -> Path:
        """Where the project defines metrics of its own: `metrics_dir`, relative to the root, or `metrics/` below it."""
        return self.root / (self.metrics_dir or "metrics")

    @property
    def checks_folder(self) -> Path:
        """Where the project checks its data: `checks_dir`, relative to the root, or `checks/` below it."""
        return self.root / (self.checks_dir or "checks")

    @property
    def state_location(self) -> str:
        """A PostgreSQL URL, or the path of a SQLite file."""
        if self.state_url is not None:
            return self.state_url.get_secret_value()
        return str(self.data_dir / "state.sqlite")

    def environment(self) -> dict[str, str]:
        """The variables from which a process that this one starts reads the same project; secrets aren't among them."""
        shared = {
            "SOPHIA_ROOT": str(self.root),
            "SOPHIA_WORKSPACE": self.workspace,
            "SOPHIA_COMPANY__NAME": self.company.name,
            "SOPHIA_COMPANY__TIME_ZONE": self.company.time_zone,
            "SOPHIA_COMPANY__CURRENCY": self.company.currency,
        }
        if self.company.history_begins is not None:
            shared["SOPHIA_COMPANY__HISTORY_BEGINS"] = self.company.history_begins.isoformat()
        if self.metrics_dir is not None:
            shared["SOPHIA_METRICS_DIR"] = str(self.metrics_folder)
        if self.checks_dir is not None:
            shared["SOPHIA_CHECKS_DIR"] = str(self.checks_folder)
        if self.server.authentication != "off":
            shared["SOPHIA_SERVER__AUTHENTICATION"] = self.server.authentication
        if self.frozen_at is not None:
            shared["SOPHIA_FROZEN_AT"] = self.frozen_at.isoformat()
        return shared

    def clock(self) -> Clock:
        return SystemClock() if self.frozen_at is None else FrozenClock(self.frozen_at)


def find_root(start: Path | None = None) -> Path:
    """The nearest folder, from `start` (default: the working directory) upwards, that holds a `sophia.toml`.

    `SOPHIA_ROOT` wins over the search.

    Raises:
        ConfigError: there is none.
    """
    if start is None and (given := os.environ.get("SOPHIA_ROOT")):
        return Path(given).resolve()
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError:
        raise ConfigError("The folder you are in was removed.", hint="Go to the project's folder.") from None
    for folder in (here, *here.parents):
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise ConfigError(
        f"No {CONFIG_FILE} in {here} or any folder above it.",
        hint=f"Run inside a project, set SOPHIA_ROOT, or start one with an empty {CONFIG_FILE}.",
    )


def load_settings(root: Path | None = None, **overrides: Any) -> Settings:
    """Settings of the project at `root` (default: see `find_root`); keyword arguments win over all sources.

    Raises:
        ConfigError: no project, or a setting that is wrong; names the setting and says what would be right.
    """
    base = root.resolve() if root is not None else find_root()
    if not base.is_dir():
        raise ConfigError(f"There is no folder {base}.", hint="Let SOPHIA_ROOT name the project's folder.")
    file = base / CONFIG_FILE
    if file.is_file():
        _refuse_secrets(file)

    class _Project(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    for variable, meant in misspelt(Settings, os.environ):
        raise ConfigError(
            f"{variable} is no setting's variable.",
            hint=f"{f'Did you mean {meant}?' if meant else 'Unset it.'} docs/settings.md lists all.",
        )
    try:
        found = _Project(root=base, **overrides)
    except SettingsError:
        raise ConfigError(
            f"{' and '.join(_no_json()) or 'A variable SOPHIA_...'} is no JSON.",
            hint="""Write a list as '["one", "two"]', a table as '{"name": "value"}'. docs/settings.md lists all.""",
        ) from None
    except ValidationError as error:
        raise _wrong(error.errors(include_url=False, include_input=False)[0], file) from None
    own = {
        "metrics_dir": (found.metrics_dir, found.metrics_folder),
        "checks_dir": (found.checks_dir, found.checks_folder),
    }
    for name, (given, folder) in own.items():
        if given is not None and not folder.is_dir():
            raise ConfigError(
                f"Setting {name}: there is no folder {folder}.",
                hint=f"Make it, or name another in {file} or as SOPHIA_{name.upper()}.",
            )
    if found.landing.path is not None and not found.landing.path.is_absolute():
        found = found.model_copy(update={"landing": LandingSettings(path=base / found.landing.path)})
    return found


def _wrong(mistake: ErrorDetails, file: Path) -> ConfigError:
    """What pydantic says of one setting, in the kit's words."""
    place = [part for part in mistake["loc"] if part != "[key]"]
    name = ".".join(map(str, place)) or "settings"
    variable = variable_of(Settings, place)
    if mistake["type"] == "extra_forbidden":
        section = model_at(Settings, place[:-1])
        near = nearest(str(place[-1]), section.model_fields) if section else ""
        where = variable if variable in map(str.upper, os.environ) else file
        return ConfigError(f"{where}: there is no setting {name}.", hint=f"{near} docs/settings.md lists all.".strip())
    where = "as" if name.rpartition(".")[2] in _secrets() else f"in {file} or as"
    return ConfigError(
        f"Setting {name}: {mistake['msg'].removeprefix('Value error, ')}.",
        hint=f"Set it {where} {variable if place else 'SOPHIA_...'}. docs/settings.md lists all.",
    )


def _no_json() -> list[str]:
    """The variables that hold a list or a table, and no JSON."""
    wanted = set()
    for section, field in Settings.model_fields.items():
        if isinstance(kind := field.annotation, type) and issubclass(kind, BaseModel):
            lists = (name for name, inner in kind.model_fields.items() if get_origin(inner.annotation) in (tuple, dict))
            wanted |= {f"SOPHIA_{section}", *(f"SOPHIA_{section}__{name}" for name in lists)}
    wanted = {name.upper() for name in wanted | {"SOPHIA_jobs"}}
    found = []
    for name, value in sorted(os.environ.items()):
        if name.upper() in wanted and value:
            try:
                json.loads(value)
            except ValueError:
                found.append(name)
    return found


_RIGHTS = {"allow_deploy"}


def _secrets() -> set[str]:
    """The names of all secret settings, of every section."""
    kinds = (field.annotation for field in Settings.model_fields.values())
    models: list[type[BaseModel]] = [Settings]
    models += [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {
        name
        for model in models
        for name, field in model.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }


def _refuse_secrets(file: Path) -> None:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}.", hint="Fix its permissions.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}", hint="See docs/settings.md for an example.") from None
    secrets = _secrets()
    for key, value in content.items():
        inner = value if isinstance(value, dict) else {}
        for name in sorted(({key, *inner}) & (secrets | _RIGHTS)):
            path = name if name == key else f"{key}.{name}"
            what = "a secret" if name in secrets else "a right that one job is given"
            raise ConfigError(
                f"{file}: {path} is {what} and does not belong in a file of the repository.",
                hint=f"Remove it and set SOPHIA_{path.upper().replace('.', '__')} in the environment.",
            )
