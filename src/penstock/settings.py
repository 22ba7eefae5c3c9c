"""Settings: defaults, then `penstock.toml`, then the environment; all faults are told at once.

Every setting is an environment variable `PENSTOCK_<NAME>` and a line `<name> = …` in the file.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from penstock.domain.addresses import parse_allowed
from penstock.domain.callback_rules import url_faults
from penstock.domain.errors import InvalidArgumentError
from penstock.domain.quotas import Quotas

_CLUSTER_CHUNKS = 1000


class RayNeeds(BaseModel):
    """What an operation needs of the node of a cluster that runs it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: float = Field(default=1.0, gt=0, le=1024)
    gpus: float = Field(default=0.0, ge=0, le=64)
    memory_bytes: int = Field(default=0, ge=0)

    @field_validator("cpus", "gpus")
    @classmethod
    def _check_precision(cls, value: float) -> float:
        if round(value, 4) != value:
            message = "must have no more than four decimals"
            raise ValueError(message)
        return value

    @field_validator("gpus")
    @classmethod
    def _check_whole(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            message = "must be whole above 1"
            raise ValueError(message)
        return value


class Settings(BaseSettings):
    """What an operator can set."""

    model_config = SettingsConfigDict(env_prefix="PENSTOCK_", extra="forbid", frozen=True)

    data: Path = Field(Path("penstock-data"), description="Folder of the state and scratch space.")
    listen: str = Field(
        "127.0.0.1:8080", description="Host and port to listen on; port 0 picks a free one."
    )
    region: str = Field("local", description="Region named in URLs; any is accepted in hosts.")
    default_bucket: str = Field(
        "", description="Bucket of calls whose host names none; the only bucket if there is one."
    )
    secret_id: str = Field("", description="Secret id of the root access key.")
    secret_key: str = Field("", repr=False, description="Secret key of the root access key.")
    master_key: str = Field(
        "",
        repr=False,
        pattern="^([0-9a-fA-F]{64})?$",
        description="What the secrets of access keys are sealed with: 64 hex digits.",
    )
    database: str = Field(
        "",
        repr=False,
        pattern=r"^((postgresql|postgres|postgresql\+psycopg)://.*)?$",
        description="URL of a PostgreSQL database; empty for SQLite in the data folder.",
    )
    database_connections: int = Field(
        16, ge=4, le=1000, description="Most connections of a process to the database server."
    )
    keep_jobs_seconds: float = Field(
        0.0,
        ge=0,
        description="How long jobs are kept behind their end, in seconds; 0 for ever.",
    )
    engine: str = Field(
        "local", pattern="^(local|ray)$", description="Who runs chunks: `local` or `ray`."
    )
    workers: int = Field(
        0, ge=0, le=1024, description="Worker processes; 0 for one a processor core."
    )
    ray_address: str = Field(
        "",
        pattern=r"^(auto|[^\s/:]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5})?$",
        description="Head of the Ray cluster, `HOST:PORT`; `auto` for the cluster that this "
        "machine is a node of; empty for a Ray of its own on this machine.",
    )
    ray_places: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Most chunks that Ray has at once; 0 for as many as its cluster has room for.",
    )
    ray_scratch: str = Field(
        "", description="Folder for scratch space on the nodes of a Ray cluster."
    )
    ray_needs: dict[str, RayNeeds] = Field(
        default_factory=dict,
        description="What nodes need to run operations, in place of what these ask for; in the "
        "environment a JSON object.",
    )
    object_seconds: float = Field(
        6 * 3600.0, gt=0, description="Longest time for one node on one object, in seconds."
    )
    child_memory_bytes: int = Field(
        8 << 30, ge=64 << 20, description="Address space of one child process, in bytes."
    )
    output_bytes: int = Field(
        256 << 30, ge=1 << 20, description="Largest file a child process may write, in bytes."
    )
    pixels: int = Field(250_000_000, ge=1, description="Most pixels that a picture may decode to.")
    body_bytes: int = Field(1 << 20, ge=1024, description="Largest XML body of a call, in bytes.")
    url_file_lines: int = Field(1_000_000, ge=1, description="Most lines of a URL file.")
    url_file_bytes: int = Field(256 << 20, ge=1, description="Largest URL file, in bytes.")
    bind_root: str = Field(
        "",
        description="Storage URL or folder below which buckets that are bound through the API get "
        "a place of their own; empty binds known names only.",
    )
    bucket_limit: int = Field(200, ge=0, description="Most bound buckets; 0 for no limit.")
    workflow_limit: int = Field(100, ge=0, description="Most workflows of a bucket; 0 for none.")
    template_limit: int = Field(200, ge=0, description="Most templates of a bucket; 0 for none.")
    running_job_limit: int = Field(
        10, ge=0, description="Most batch jobs of a bucket that have not ended; 0 for no limit."
    )
    queue_size: int = Field(
        10_000, ge=0, description="Most single objects that wait in a queue; 0 for no limit."
    )
    queue_concurrency: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Most chunks of a queue at work; 0 for 10, or the workers if they are more; "
        "on a Ray cluster for 1000, or `ray_places`.",
    )
    refuse_paused: bool = Field(
        default=False, description="Whether jobs for a paused queue are refused instead of held."
    )
    calls_per_second: float = Field(
        100.0, ge=0, le=1e6, description="Most CI calls of an access key a second; 0 for no limit."
    )
    callback_allow: str = Field(
        "",
        description="Where callbacks may go beyond public addresses: networks, addresses and "
        "host names, separated by commas; `*` for everywhere.",
    )
    callback_secret: str = Field(
        "",
        repr=False,
        description="What callbacks and calls of functions are signed with; empty for no "
        "signature.",
    )
    callback_pause_seconds: float = Field(
        5.0, gt=0, description="Pause behind the first failed try of a callback; it doubles."
    )
    callback_longest_pause_seconds: float = Field(
        3600.0, gt=0, description="Longest pause between two tries of a callback, in seconds."
    )
    callback_expire_seconds: float = Field(
        86400.0, ge=0, description="Age at which a callback is given up, in seconds."
    )
    callback_keep_seconds: float = Field(
        604800.0, ge=0, description="How long callbacks are kept behind their end, in seconds."
    )
    callback_connections: int = Field(
        16, ge=1, le=1024, description="Most callbacks that are sent at once."
    )
    functions: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="Functions of nodes of type SCF: from their names to the URLs that they "
        "answer at; in the environment a JSON object.",
    )
    function_allow: str = Field(
        "",
        description="Where functions may have their answers fetched beyond their own hosts and "
        "public addresses: networks, addresses and host names, separated by commas.",
    )
    function_seconds: float = Field(
        900.0, gt=0, description="Longest time for one call of a function, in seconds."
    )
    log_level: str = Field(
        "warning", pattern="^(debug|info|warning|error)$", description="Least severe log event."
    )

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004  # a port
            message = "must be HOST:PORT"
            raise ValueError(message)
        return value

    @field_validator("functions")
    @classmethod
    def _check_functions(cls, value: dict[str, str]) -> dict[str, str]:
        faults = [fault for name, url in value.items() for fault in url_faults(url, name)]
        if faults:
            raise ValueError("; ".join(faults))
        return value

    @field_validator("callback_allow", "function_allow")
    @classmethod
    def _check_allow(cls, value: str) -> str:
        try:
            parse_allowed(value)
        except InvalidArgumentError as error:
            raise ValueError(str(error)) from error
        return value

    @property
    def worker_count(self) -> int:
        """How many worker processes to start."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def _most_chunks(self) -> int:
        """How many chunks are at work at once, at most; of a cluster nobody knows."""
        if self.engine == "ray" and self.ray_address:
            return self.ray_places or _CLUSTER_CHUNKS
        return self.worker_count

    @property
    def quotas(self) -> Quotas:
        """What calls are held to."""
        return Quotas(
            buckets=self.bucket_limit,
            workflows=self.workflow_limit,
            templates=self.template_limit,
            running_jobs=self.running_job_limit,
            queue_size=self.queue_size,
            queue_concurrency=self.queue_concurrency or max(10, self._most_chunks),
            is_pause_refused=self.refuse_paused,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line wins over the environment, and that over the file."""
        file = TomlConfigSettingsSource(settings_cls)
        return (init_settings, env_settings, file)


def read_settings(config: Path | None = None, **given: Any) -> Settings:  # noqa: ANN401  # typed by Settings
    """Read every setting once.

    Args:
        config: A TOML file; None for `penstock.toml` in the working directory, if there is one.
        given: What the command line says; None values count as not given.

    Raises:
        InvalidArgumentError: At least one setting is wrong; names all of them.
    """
    if config is not None and not config.is_file():
        message = f"there is no settings file {str(config)!r}"
        raise InvalidArgumentError(message)

    class FileSettings(Settings):
        model_config = SettingsConfigDict(toml_file=config or Path("penstock.toml"))

    try:
        return FileSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise InvalidArgumentError(*faults) from error
    except SettingsError as error:  # a table in the environment that is no JSON
        message = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise InvalidArgumentError(message) from error
