"""What all commands share: their configuration, their help, and how they say what went wrong."""

import os
import socket
import sqlite3
import subprocess
import sys
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lookupd.cli import main
from lookupd.errors import (
    ConfigError,
    DataDamaged,
    PluginMissing,
    SourceShrank,
    SourceTimeout,
    TokenUnknown,
    UnknownProfile,
)
from tests.process import RunningDaemon, RunningProcess, wait_until
from tests.process import lookupd as command_line

COMMANDS = [
    *("check", "explain", "lookup", "phone-config", "reverse", "serve", "sources", "state", "sync", "token")
]


def commands(group=main, path=()):
    """Every command with its path."""
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            yield from commands(group.get_command(context, name), (*path, name))


def real(*arguments, **environment):
    """A command as a process of its own."""
    return subprocess.run(
        [Path(sys.executable).with_name("lookupd"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


# --- help


def test_there_are_these_commands():
    assert main.list_commands(click.Context(main)) == COMMANDS
    assert sorted(main.commands) == COMMANDS  # those that the modules add


@pytest.mark.parametrize(("path", "command"), [*commands()])
def test_every_command_and_every_option_has_help(path, command):
    assert command.help
    options = [param for param in command.params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []
    result = CliRunner().invoke(main, [*path, "-h"])
    assert result.exit_code == 0
    assert all(option.opts[-1] in result.stdout for option in options)


def test_the_exit_codes_stand_in_the_help():
    text = " ".join(CliRunner().invoke(main, ["--help"]).stdout.split())
    for said in ("0 done or found", "1 nothing found", "2 wrong usage", "3 a directory", "4 a data file"):
        assert said in text


def test_the_version_is_told():
    assert version("lookupd") in CliRunner().invoke(main, ["--version"]).stdout


# --- the configuration


def test_a_missing_configuration_is_told_with_how_to_name_another(tmp_path):
    result = CliRunner().invoke(main, ["-c", str(tmp_path / "none.yml"), "check"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "No such file or directory (name another file with -c or LOOKUPD_CONFIG)" in result.stderr


def test_the_configuration_is_named_by_the_environment_or_by_an_option(site, tmp_path):
    other = tmp_path / "other.yml"
    other.write_text("region: FR")
    environment = {"LOOKUPD_CONFIG": str(other)}
    by_environment = CliRunner().invoke(main, ["check"], env=environment)
    assert by_environment.stdout == f"{other}: 0 sources and 0 profiles, no mistakes\n"
    by_option = CliRunner().invoke(main, ["-c", str(site.file), "check"], env=environment)
    assert by_option.stdout.startswith(f"{site.file}: 2 sources")


def test_a_folder_is_no_configuration(tmp_path):
    result = CliRunner().invoke(main, ["-c", str(tmp_path), "check"])
    assert result.exit_code == 2
    assert "is a directory" in result.stderr


EVERY_COMMAND = [
    ["check"],
    ["sync"],
    ["reverse", "1"],
    ["explain", "1"],
    ["lookup", "x"],
    ["sources"],
    ["serve"],
    ["token", "list"],
    ["token", "add", "x"],
    ["token", "revoke", "x"],
]


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_every_command_refuses_a_wrong_configuration_with_all_its_mistakes(site, arguments):
    site.file.write_text("regoin: FR\nsources: [{name: a, backend: csv, timeuot: 1}]\n")
    result = site.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "config.yml: sources.a.timeuot: unknown key (did you mean 'live.timeout'?)",
        "config.yml: regoin: unknown key (did you mean 'region'?)",
    ]
    assert not site.state.parent.exists()


@pytest.mark.parametrize("arguments", EVERY_COMMAND, ids=" ".join)
def test_every_command_refuses_wrong_settings_of_a_back_end(site, arguments):
    site.configure({"name": "staff", "config": {"fiel": "staff.csv"}})
    result = site.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "config.yml: sources.staff.config.fiel: unknown key (did you mean 'file'?)",
        "config.yml: sources.staff.config.file: is required",
    ]


def test_wrong_settings_are_blamed_on_the_file_they_stand_in(site):
    (site.folder / "conf.d").mkdir()
    (site.folder / "conf.d" / "20-staff.yml").write_text(
        "sources: [{name: staff, config: {separator: ';;'}}]"
    )
    result = site.run("check")
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("20-staff.yml: sources.staff.config.separator: ")


def test_no_secret_is_shown_with_mistakes(site):
    site.configure(
        {"name": "staff", "backend": "ldap", "config": {"ldap_password": "canary", "ldap_uri": "x"}}
    )
    result = site.run("check")
    assert result.exit_code == 2
    assert "ldap_base_dn: is required" in result.stderr
    assert "canary" not in result.output


# --- what goes wrong


@pytest.mark.parametrize(
    "arguments",
    [["frob"], ["reverse"], ["reverse", "--frob", "1"], ["lookup", "--limit", "0", "x"]],
    ids=" ".join,
)
def test_wrong_usage_is_told(site, arguments):
    result = site.run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["sync"], ["reverse", "1"], ["sources"], ["token", "list"]], ids=" ".join
)
def test_a_data_folder_that_cannot_be_used_is_told(site, arguments):
    site.state.parent.write_text("a file in the way")
    result = site.run(*arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    [line] = result.stderr.splitlines()
    assert str(site.state.parent) in line
    assert "cannot be used" in line


def test_an_index_that_cannot_be_opened_is_told(site):
    (site.folder / "data" / "index.db").mkdir(parents=True)
    result = site.run("sources")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "cannot be used" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError(["a.yml: x", "b.yml: y"]), 2, "a.yml: x\nb.yml: y\n"),
        (UnknownProfile("p"), 2, "no profile is called 'p'"),
        (SourceTimeout("a", timedelta(seconds=1)), 3, "source 'a' did not reply within 1000 ms\n"),
        (SourceShrank("a", removed=1, before=2), 3, "source 'a' would lose 1 of its 2 contacts"),
        (PluginMissing("view", "v", []), 3, "no view is installed under the name 'v'"),
        (DataDamaged("a.db", "cut off"), 4, "a.db: damaged (cut off)"),
        (TokenUnknown("no"), 4, "no\n"),
        (PermissionError(13, "Permission denied", "/srv/x"), 4, "a data file cannot be used: [Errno 13]"),
        (
            sqlite3.OperationalError("disk I/O error"),
            4,
            "a data file cannot be used: disk I/O error (see data",
        ),
    ],
)
def test_every_error_is_told_and_has_its_exit_code(error, code, said):
    @click.group(cls=type(main))
    def group():
        pass

    @group.command()
    def fail():
        raise error

    result = CliRunner().invoke(group, ["fail"], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(said)


def test_a_damaged_state_is_told_and_left_alone(site):
    site.state.parent.mkdir()
    site.state.write_bytes(b"precious but damaged" * 100)
    result = site.run("token", "list")
    assert result.exit_code == 4
    remedy = "restore a backup (lookupd state restore FILE), or move it away"
    assert f"damaged (file is not a database); {remedy}" in result.stderr
    assert site.state.read_bytes() == b"precious but damaged" * 100


def test_what_is_told_cannot_steer_the_terminal(site):
    site.configure({"name": "staff\x1b[2J\x9b1m", "backend": "fro\nb"})
    result = site.run("check")
    assert result.exit_code == 3
    assert all(line.isprintable() for line in result.stderr.splitlines())


# --- as a process


def test_exit_codes_are_those_of_the_process(site, tmp_path):
    site.write("partners", [])
    configured = ("-c", str(site.file))
    assert real(*configured, "sync").returncode == 0
    assert real(*configured, "reverse", "+33 1 99 00 12 34").returncode == 0
    assert real("-c", str(tmp_path / "none.yml"), "check").returncode == 2
    (site.folder / "staff.csv").unlink()
    assert real(*configured, "sync").returncode == 3
    site.state.write_text("this is no database")
    assert real(*configured, "token", "list").returncode == 4


def test_nothing_found_is_an_exit_code_of_its_own(site):
    found = real("reverse", "anonymous", LOOKUPD_CONFIG=str(site.file))
    assert (found.returncode, found.stdout, found.stderr) == (1, "", "this is not a number\n")


def test_a_pipe_may_end_early(site):
    site.write("staff", [{"id": str(n), "name": f"{n} {'x' * 200}", "number": str(n)} for n in range(900)])
    site.run("sync")
    reader, writer = os.pipe()
    os.close(reader)
    command = command_line(site.file, "lookup", "--limit", "900", "")
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=20)
    os.close(writer)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert "data file" not in found.stderr


def test_the_module_is_the_command(site):
    found = subprocess.run(
        [sys.executable, "-m", "lookupd", "-c", site.file, "check"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"{site.file}: 2 sources and 1 profiles, no mistakes\n"


# --- serve


def test_serve_says_when_it_is_ready_and_ends_when_asked(site):
    with RunningDaemon(site.file) as daemon:
        assert daemon.url.startswith("http://127.0.0.1:")
        wait_until(lambda: daemon.caller("+33199001234") == "Ada Bélanger")
        assert daemon.stop() == 0


def test_an_address_that_is_taken_is_told(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.configure({"name": "staff"}, http={"port": port})
        with RunningProcess(*command_line(site.file, "serve")) as process:
            assert process.wait() == 4
            process.wait_for_end_of_log()
            process.wait_for(f"cannot listen on 127.0.0.1 port {port}: .*\\(set http.listen and http.port")
