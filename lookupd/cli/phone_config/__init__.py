"""`lookupd phone-config`: the lines that point a telephone or a PBX at this server.

Each `VENDOR.txt` beside this file is one: a first line `= WORD | TITLE`, where WORD stands for the vendor in
URLs, then the lines. In them `@MENU@`, `@INPUT@` and `@LOOKUP@` are a telephone's URLs, `@CID@` is that of a
caller's name, `@CRM@` and `@TEMPLATE@` are those of a CRM; `@PREFIX@` is what stands before all of them.
`@LOOKUP+@` ends so that a parameter can follow, `@LOOKUP:xml@` is escaped for XML.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import click

from lookupd.cli import output
from lookupd.cli.main import WRONG, main, read
from lookupd.setting import hint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lookupd.config import Config

_PLACEHOLDER = re.compile(r"@([A-Z]+)(\+?)(:xml)?@")
_HEAD = re.compile(r"= (?P<word>[a-z0-9-]+) \| (?P<title>.+)")
_URL = re.compile(r"https?://[^/?#\s@]+(?:/[^?#\s]*)?")
#: what listens to every address has none that others can be told
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not listened to
_PORTS: Final = {"http": 80, "https": 443}
#: parts of a URL after which a parameter is the first
_ENTRIES: Final = ("menu", "input", "lookup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What one telephone or PBX is told."""

    #: the vendor in URLs; "pbx" for those that ask for callers' names
    word: str
    title: str
    lines: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How clients reach this server, and as whom."""

    #: without a slash at the end
    url: str
    profile: str
    user: str | None
    secret: str | None

    def urls(self, word: str) -> Mapping[str, str]:
        """The text of every placeholder, for a vendor."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        prefix = f"{self.url}/p/{quote(self.secret, safe='')}" if self.secret else self.url
        asked = [("profile", self.profile)] if self.profile != "default" else []
        asked += [("user", self.user)] if self.user else []
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked)
        end = f"?{query}" if query else ""
        return {
            **{entry.upper(): self._phone(prefix, word, entry) for entry in _ENTRIES},
            "CID": f"{prefix}/cid{end}",
            "CRM": f"{prefix}/crm{end}",
            "TEMPLATE": f"{prefix}/crm/3cx.xml{end}",
            "PATH": f"{urlsplit(prefix).path}/cid".removeprefix("/"),
            "QUERY": f"{query}&" if query else "",
            "PREFIX": prefix,
            "SCHEME": parts.scheme.upper(),
            "HOST": f"[{host}]" if ":" in host else host,
            "PORT": str(parts.port or _PORTS[parts.scheme]),
            "PROFILE": quote(self.profile, safe=""),
        }

    def _phone(self, prefix: str, word: str, entry: str) -> str:
        profile = quote(self.profile, safe="")
        if word == "gigaset" and self.user and not self.secret:
            return f"{prefix}/0.1/directories/{entry}/{profile}/{word}/{quote(self.user, safe='')}"
        way = f"{prefix}/phones/{word}/{profile}/{entry}"
        # A file name is added to the folder of a book.
        is_book = word.startswith("grandstream")
        return f"{way}?xivo_user_uuid={quote(self.user, safe='')}" if self.user and not is_book else way


@main.command("phone-config")
@click.argument("vendor", required=False)
@click.option("--url", help="How it reaches this server; by default as the configuration says.")
@click.option("--profile", default="default", show_default=True, help="The profile it asks.")
@click.option("--user", type=click.UUID, help="The user it belongs to.")
@click.option("--secret", help="Its secret, made with lookupd token add NAME --device.")
@click.pass_context
def phone_config(  # noqa: PLR0913 - options of a command
    ctx: click.Context, vendor: str | None, *, url: str | None, profile: str, user: object, secret: str | None
) -> None:
    """Print the lines for a telephone or a PBX; without VENDOR, list those there are."""
    known = templates()
    if vendor is None:
        output.table([{"vendor": name, "for": known[name].title} for name in sorted(known)], is_json=False)
        return
    template = known.get(vendor.lower())
    if template is None:
        lines = [f"  {name:16} {known[name].title}" for name in sorted(known)]
        problem = f"{vendor!r} is not known{hint(vendor.lower(), known)}; there are:"
        output.say("\n".join([problem, *lines]), err=True)
        ctx.exit(WRONG)
    server = Server(
        url=_url(url) if url is not None else _configured_for(ctx, profile),
        profile=profile,
        user=str(user) if user else None,
        secret=secret,
    )
    text = filled(template, server)
    click.echo(text, nl=False)
    if secret is not None:
        return
    if filled(template, replace(server, secret="any")) == text:  # noqa: S106 - of no device
        output.say(f"{vendor.lower()} has no secrets: its address says whether it may ask", err=True)
    else:
        output.say("without --secret its address must be in guests.subnets of the configuration", err=True)


def _configured_for(ctx: click.Context, profile: str) -> str:
    """Where the configured daemon answers; says so where it has no such profile."""
    config = read(ctx)
    if profile not in {one.name or key for key, one in config.profiles.items()}:
        output.say(f"no profile is called {profile!r} yet{hint(profile, config.profiles)}", err=True)
    return _configured(config)


@cache
def templates() -> Mapping[str, Template]:
    """Every telephone and PBX, by name."""
    return {
        file.name.removesuffix(".txt"): _template(file.read_text(encoding="utf-8"))
        for file in files(__name__).iterdir()
        if file.name.endswith(".txt")
    }


def filled(template: Template, server: Server) -> str:
    """The lines of a template for a server."""
    urls = server.urls(template.word)

    def text(found: re.Match[str]) -> str:
        name, is_open, is_xml = found.groups()
        value = urls[name]
        if is_open:
            value += "&" if "?" in value else "?"
        return escape(value, {'"': "&quot;"}) if is_xml else value

    return _PLACEHOLDER.sub(text, template.lines)


def _template(text: str) -> Template:
    head, lines = text.split("\n", 1)
    found = _HEAD.fullmatch(head)
    if found is None:
        raise ValueError(head)
    return Template(word=found["word"], title=found["title"], lines=lines)


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        raise click.UsageError(f"--url {text!r}: http:// or https://, a host, and perhaps a port and a path")
    return text.rstrip("/")


def _configured(config: Config) -> str:
    """How the configuration says that clients reach this server."""
    if config.guests.external_url is not None:
        return config.guests.external_url
    if config.http.port == 0:
        raise click.UsageError("http.port is 0, so any port may be it: give --url")
    host = socket.getfqdn() if config.http.listen in _ANYWHERE else config.http.listen
    if config.http.is_loopback:
        output.say("this server listens on this machine only: see http.listen, or give --url", err=True)
    return f"http://{f'[{host}]' if ':' in host else host}:{config.http.port}"
