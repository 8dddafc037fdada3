"""`lookupd serve`: run the daemon."""

from __future__ import annotations

import logging

import click
import uvloop

from lookupd import log
from lookupd.cli.main import main, read
from lookupd.daemon import Daemon

logger = logging.getLogger(__name__)


@main.command()
@click.pass_context
def serve(ctx: click.Context) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    config = read(ctx)
    log.configure(config.log.level)
    uvloop.run(Daemon(config, ctx.obj).run(lambda url: logger.info("ready: %s", url)))
