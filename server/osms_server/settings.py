"""Settings of the server: environment variables OSMS_*, over a TOML file, over defaults."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

SETTINGS_FILE = "osms.toml"
"""Where settings are read from, in the folder a command runs in."""
PORT_MAX = 65_535


class Settings(BaseSettings):
    """All that can be set; an invalid value stops the start."""

    model_config = SettingsConfigDict(
        env_prefix="OSMS_",
        env_ignore_empty=True,
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # it may be a password
    )

    store: Annotated[str, Field(repr=False)] = "osms.db"
    """Path of an SQLite file, or a URL: of PostgreSQL with all its hosts, HOST:PORT,HOST:PORT.
    A password had better stand in the file that PGPASSFILE names, by default ~/.pgpass."""
    standby_age_max_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    """How old an answer of a standby may be while there is a leader; 0: only the leader is read."""
    listen: str = "127.0.0.1:50051"
    """Host and port; port 0 takes a free one. Without a certificate on loopback only."""
    certificate: Path | None = None
    """PEM file of the server's certificate: `listen` speaks TLS, and clients show certificates."""
    certificate_key: Path | None = None
    """PEM file of its private key."""
    client_authorities: Path | None = None
    """PEM file of the authorities that sign certificates of clients. All three are read again when
    one of them changes."""
    plain_listen: str = ""
    """Beside TLS: host and port, on loopback, for a proxy that ends TLS itself."""
    token_keys: Path | None = None
    """JSON Web Key Set file: whose tokens are taken on a port without TLS; read again, too."""
    token_audience: str = "osms.v1"
    """What the tokens must be meant for."""
    plain_client: str = ""
    """For development: the client that callers without a token are on a port without TLS."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that serve behind the one port; more than one on Linux only."""
    connection_age_s: Annotated[float, Field(ge=1, le=3_600)] = 30.0
    """With several workers: when a connection is asked to give way to a new one, which any of them
    may get. Calls under way stay. A rolling restart takes a little longer for each worker."""
    connection_grace_s: Annotated[float, Field(ge=1, le=86_400)] = 1_800.0
    """How long calls may then still go on; what a client has begun and never ends, ends then. A
    single worker asks a connection to give way at this age, too."""
    connections_max: Annotated[int, Field(ge=1, le=100_000)] = 800
    """The most connections of a worker; others are closed at once. Fewer than it may open files."""
    handshake_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """In what time a client must have opened its connection, TLS included."""
    ping_after_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0
    """A connection on which nothing came for so long is pinged, and closed if nothing comes for as
    long again: its client is gone, or idle in a library that would not know (it connects anew)."""
    uvloop: bool = False
    """Serve on uvloop, of the extra of that name: a lookup takes a tenth less of a processor."""
    keys: Path | None = None
    """Folder of the keys that receipts are signed with (`osms keys rotate`); without one none are
    given out."""
    access_log: Path | None = None
    """Folder in which who was told what is written down before an answer leaves; from there it
    goes into the store. By default beside a file, as STORE-access, and otherwise osms-access in the
    working folder. It belongs on a disk that stays, one for each store."""
    test_clock: Path | None = None
    """File with the ISO instant at which the clock stands; only on loopback."""
    calls_max: Annotated[int, Field(ge=1)] = 4_000
    """The most calls at a time, open streams included; more are refused with OVERLOADED."""
    streams_max: Annotated[int, Field(ge=1, le=1_000)] = 32
    """The most calls at a time on one connection; a client library holds back more by itself."""
    lookups_max: Annotated[int, Field(ge=1, le=1_000)] = 48
    """How many questions about one person are worked on at a time ..."""
    lookups_waiting_max: Annotated[int, Field(ge=0)] = 1_024
    """... and how many wait, urgent ones first; more are refused with OVERLOADED."""
    bulk_max: Annotated[int, Field(ge=1, le=100)] = 2
    """How many batches, messages of streams and reports are worked on at a time ..."""
    bulk_waiting_max: Annotated[int, Field(ge=0)] = 128
    """... and how many wait; more are refused with OVERLOADED."""
    shutdown_grace_s: Annotated[float, Field(gt=0, le=10)] = 8.0
    """How long calls in flight may go on after SIGTERM."""
    message_bytes_max: Annotated[int, Field(ge=64 * 1024, le=64 * 1024 * 1024)] = 16 * 1024 * 1024
    """The largest message taken or sent."""
    header_bytes_max: Annotated[int, Field(ge=2 * 1024, le=64 * 1024)] = 8 * 1024
    """The largest headers of a call taken, a token among them."""
    stream_silence_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """How long a stream waits for its client's next message before it ends with CLIENT_SILENT."""
    batch_items_max: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """The most people in a batch or in one message of a stream."""
    register_rows_max: Annotated[int, Field(ge=1, le=100_000)] = 100_000
    """The most rows of a register: one is held in memory whole."""
    group_rows_max: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    """About how many rows of registers that wait at the same moment share a commit."""
    chunk_records_max: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """The most records in one message of a sync."""
    roster_members_max: Annotated[int, Field(ge=1, le=200_000)] = 200_000
    """The most members of a roster: a list is held in memory whole."""
    lines_max: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """The most lines to resolve or reverse in one call."""
    snapshot_close_share_max: Annotated[float, Field(ge=0, le=1)] = 0.02
    """A snapshot is held if it would close a larger share of a category's open spans ..."""
    snapshot_close_min: Annotated[int, Field(ge=0)] = 100
    """... and more than this many."""

    access_log_days: Annotated[int, Field(ge=1, le=36_500)] = 1_825
    """How many days records of the access log stay before `osms archive access-log` takes them."""

    tell_changes: bool = True
    """Whether this gateway finds out whose answers have changed; one on a store has to."""
    tell_every_s: Annotated[float, Field(gt=0, le=1)] = 0.2
    """How often it looks for something to tell, for its watchers too."""
    checkpoint_every_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How often a watcher hears that the gateway is there."""

    @field_validator("listen", "plain_listen")
    @classmethod
    def _has_a_port(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.field_name == "plain_listen":
            return value
        host, _, port = value.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and int(port) <= PORT_MAX):
            raise ValueError("must be HOST:PORT with a port from 0 to 65535")
        return value

    @field_validator("uvloop")
    @classmethod
    def _is_installed(cls, value: bool) -> bool:
        if value and find_spec("uvloop") is None:
            raise ValueError("needs the extra `uvloop`")
        return value

    @model_validator(mode="after")
    def _knows_its_callers(self) -> Self:
        tls = (self.certificate, self.certificate_key, self.client_authorities)
        if any(tls) and not all(tls):
            raise ValueError("certificate, certificate_key and client_authorities go together")
        if self.plain_listen and not all(tls):
            raise ValueError("plain_listen is a second port; without TLS the first one is plain")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let arguments win over the environment, and the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
