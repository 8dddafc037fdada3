"""Everything that can go wrong, by the fact that went wrong.

LookupdError
|-- ConfigError              the files are wrong: every mistake at once
|-- PluginError              a plugin cannot be used
|   |-- PluginMissing        nothing is installed under this name
|   `-- PluginBroken         it cannot be imported, or its load failed
|-- SourceError              a directory could not be asked (never: "not there")
|   |-- SourceTimeout        no reply within the deadline
|   |-- SourceFailed         the back-end raised something of its own
|   |-- SourceClosed         the source is not loaded
|   |-- SourceBusy           as many questions as it may have are on their way
|   |-- SourceDown           it has not answered lately, so it is not asked
|   |   `-- SearchDown       it has not answered text searches lately, so it gets none
|   `-- CursorExpired        changes since this cursor are no longer known: list everything
|-- SyncError                a run did not change the index
|   |-- SourceShrank         it would have removed too much: held
|   |-- SyncRunning          another process pulls this source
|   |-- IndexDamaged         the index turned out to be damaged: made anew, everything is pulled again
|   `-- NothingPulled        the source cannot be listed
|-- DataError                a data file cannot be used
|   |-- DataNewer            written by a newer lookupd
|   |-- DataDamaged          not a database, or not ours
|   |-- BackupUnusable       what was to be restored is no sound backup
|   |-- DiskFull             nothing was written, as there is no room
|   |-- IndexUnusable        the index cannot be read just now
|   `-- StateUnusable        nobody can tell just now who asks
|-- AuthError                who asks is not known, or may not ask this
|   |-- TokenUnknown         no such token
|   |-- NotPermitted         the token does not reach this far
|   |-- GuestUnknown         neither address nor secret is one that may ask without a token
|   `-- Throttled            whoever asks was told too much lately
`-- QuestionError            what was asked makes no sense here
    |-- UnknownProfile
    |-- UnknownSource
    `-- QuestionTooLarge
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class LookupdError(Exception):
    """The root: a message has subject, fact and remedy."""


def reason_of(error: BaseException) -> str:
    """Why a plugin failed, in one text: the kind of the error and what it says.

    What pydantic refuses is told without the value itself, which may be a secret.
    """
    if isinstance(error, LookupdError):
        return str(error)
    from pydantic import ValidationError  # noqa: PLC0415 - what only opens a database need not wait for it

    if isinstance(error, ValidationError):
        mistakes = error.errors(include_url=False, include_context=False, include_input=False)
        told = ((".".join(map(str, mistake["loc"])), mistake["msg"]) for mistake in mistakes)
        return "; ".join(f"{place}: {text}" if place else text for place, text in told)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class ConfigError(LookupdError):
    """The configuration is wrong; `mistakes` holds one line for each, with file and key."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class PluginError(LookupdError):
    """A plugin cannot be used; the rest of the daemon runs on."""


class PluginMissing(PluginError):
    """No installed distribution offers a plugin of this name."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no {kind} is installed under the name {name!r} (installed: {', '.join(known) or 'none'}; "
            f"install the distribution that has it in its entry points 'lookupd.{kind}s')"
        )


class PluginBroken(PluginError):
    """A plugin is installed, but cannot be imported or does not load."""


class SourceError(LookupdError):
    """A directory could not be asked. Back-ends raise it, with the reason; absence is not an error."""


class SourceTimeout(SourceError):
    """A source did not reply within its deadline; `reason` is what its back-end says of it, if anything."""

    def __init__(self, source: str, timeout: timedelta, reason: str = "") -> None:
        fact = f"source {source!r} did not reply within {timeout.total_seconds() * 1000:.0f} ms"
        super().__init__(f"{fact}: {reason}" if reason else fact)


class SourceFailed(SourceError):
    """A back-end raised something of its own; the original error is the cause."""

    def __init__(self, source: str, method: str, error: BaseException) -> None:
        super().__init__(f"source {source!r} failed in {method}: {reason_of(error)}")


class SourceClosed(SourceError):
    """A source is not loaded, so it cannot be asked."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"source {source!r} is not loaded: {reason}")


class SourceBusy(SourceError):
    """As many questions as a source may have have not come back."""

    def __init__(self, source: str) -> None:
        super().__init__(f"source {source!r} has too many questions waiting for it (see live.threads)")


class SourceDown(SourceError):
    """A source has not answered lately, so it is not asked, for a while."""

    def __init__(self, source: str, retry_in: timedelta, what: str = "") -> None:
        seconds = max(1, -(-retry_in // timedelta(seconds=1)))
        super().__init__(f"source {source!r} does not answer{what}; it is asked again in {seconds} s")


class SearchDown(SourceDown):
    """A source has not answered text searches lately, so it gets none, for a while."""

    def __init__(self, source: str, retry_in: timedelta) -> None:
        super().__init__(source, retry_in, " text searches")


class CursorExpired(SourceError):
    """A directory no longer knows what changed since a cursor; everything must be listed."""


class SyncError(LookupdError):
    """A sync run did not change the index; the old contacts stay."""


class SourceShrank(SyncError):
    """A source suddenly lists far fewer contacts than before; the run is held."""

    def __init__(self, source: str, *, removed: int, before: int, cause: str | None = None) -> None:
        why = f" ({cause})" if cause else ""
        super().__init__(
            f"source {source!r} would lose {removed} of its {before} contacts{why}; kept the old ones "
            f"(accept with: lookupd sync {source} --accept-loss)"
        )


class SyncRunning(SyncError):
    """Another process pulls the same source at this moment."""

    def __init__(self, source: str) -> None:
        super().__init__(f"source {source!r} is being synced by another process; try again when it is done")


class NothingPulled(SyncError):
    """A source offers no way to list its contacts."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"source {source!r} cannot be listed: its back-end has neither list_all nor search "
            f"(set sync: false to ask it live only)"
        )


class IndexDamaged(SyncError):
    """The index turned out to be damaged in the middle of a run; an empty one has taken its place."""

    def __init__(self, index: str) -> None:
        super().__init__(f"{index}: was damaged and is made anew; everything is pulled again")


class DataError(LookupdError):
    """A data file cannot be used."""


class DataNewer(DataError):
    """A data file was written by a newer lookupd."""

    def __init__(self, file: str, version: int, known: int) -> None:
        super().__init__(
            f"{file}: has format {version}, this lookupd knows up to {known}; "
            f"run the newer lookupd, or move the file away"
        )


class DataDamaged(DataError):
    """A data file is not a database, or not one of ours."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(
            f"{file}: damaged ({reason}); restore a backup (lookupd state restore FILE), or move it away"
        )


class BackupUnusable(DataError):
    """A file cannot be restored; the state is as it was."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: cannot be restored ({reason}); nothing was changed, use another backup")


class DiskFull(DataError):
    """There is no room on the disk; nothing was written."""

    def __init__(self, file: str) -> None:
        super().__init__(f"{file}: the disk is full, nothing was written; make room there, and do it again")


class IndexUnusable(DataError):
    """The index cannot be read just now; one that is damaged is made anew behind, without an operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the index cannot be read: {reason}")


class StateUnusable(DataError):
    """`state.db` cannot be read just now, so nobody can tell who asks; the log has told why, once."""

    def __init__(self) -> None:
        super().__init__("tokens cannot be checked just now: state.db cannot be read (see the log)")


class AuthError(LookupdError):
    """The one who asks is not known, or may not ask this."""


class TokenUnknown(AuthError):
    """The token is missing, unknown or revoked."""


class NotPermitted(AuthError):
    """The token is known, but its scopes or its tenant do not reach this far."""


class GuestUnknown(AuthError):
    """Who asks without a token has no right to, or asks as somebody else; which it was is not told."""

    def __init__(self) -> None:
        super().__init__(
            "neither the address nor a secret of this client may ask "
            "(see 'guests' in the configuration, and lookupd token add --device)"
        )


class Throttled(AuthError):
    """Whoever asks was told as much as they may for now; `seconds` until it is worth asking again."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(
            f"{name} has asked for too much, and may ask again in {seconds:.0f} s (see 'guests.rate')"
        )
        self.seconds = seconds


class QuestionError(LookupdError):
    """What was asked makes no sense here."""


class UnknownProfile(QuestionError):
    """No profile of this name exists in the tenant."""

    def __init__(self, profile: str) -> None:
        super().__init__(
            f"no profile is called {profile!r} in this tenant (see 'profiles' in the configuration)"
        )
        self.profile = profile


class UnknownSource(QuestionError):
    """No source of this name is configured."""

    def __init__(self, source: str, known: Sequence[str]) -> None:
        super().__init__(f"no source is called {source!r} (configured: {', '.join(known) or 'none'})")


class QuestionTooLarge(QuestionError):
    """A question is longer than what any directory could mean."""
