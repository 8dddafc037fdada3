"""Reading the configuration: several files as one, and every mistake with its file and key."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.configfile import read
from lookupd.errors import ConfigError
from lookupd.secret import MASK, masked, without_secrets

CANARY = "canary-Xq7%"
SOURCE = "sources: [{name: a, backend: csv}]\n"


@pytest.fixture
def write(tmp_path):
    """Write the main file, and others to `conf.d` by their names; gives the main one."""

    def write(main, **more):
        (tmp_path / "conf.d").mkdir(exist_ok=True)
        for name, text in more.items():
            (tmp_path / "conf.d" / f"{name}.yml").write_text(text, encoding="utf-8")
        file = tmp_path / "config.yml"
        file.write_bytes(main if isinstance(main, bytes) else main.encode())
        return file

    return write


@pytest.fixture
def mistakes(write):
    """Every mistake in some files."""

    def mistakes(main, **more):
        with pytest.raises(ConfigError) as caught:
            read(write(main, **more))
        return list(caught.value.mistakes)

    return mistakes


def with_config(config):
    return f"sources: [{{name: a, backend: csv, config: {config}}}]"


# --- one file


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_is_a_valid_configuration(write, text):
    assert read(write(text)).sources == ()


def test_a_byte_order_mark_is_no_mistake(write):
    assert read(write("\ufeffregion: FR\n")).region == "FR"


def test_a_missing_file_is_told_with_how_to_name_another(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "none.yml")
    said = f"{tmp_path}/none.yml: No such file or directory (name another file with -c or LOOKUPD_CONFIG)"
    assert caught.value.mistakes == (said,)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="Is a directory"):
        read(tmp_path)


def test_a_file_that_is_not_utf_8_is_told_with_the_place(mistakes):
    assert mistakes(b"region: \xe9\n") == ["config.yml: not UTF-8 at byte 8"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1, 2]", "must be a mapping of keys, not a list"), ("hello", "must be a mapping of keys, not a str")],
)
def test_a_file_that_is_no_mapping_is_refused(mistakes, text, said):
    assert mistakes(text) == [f"config.yml: {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {b: 1\n", "line 2 not YAML: while parsing a flow mapping, expected ',' or '}'"),
        ("a:\n\tb: 1\n", "line 2 not YAML: while scanning for the next token, found character '\\t'"),
        ("a: 1\n---\nb: 1\n", "line 2 not YAML: expected a single document in the stream"),
        ("a: 1\nb: 2\na: 3\n", "line 3 not YAML: 'a' stands twice"),
        ("http: {port: 1, port: 2}", "line 1 not YAML: 'port' stands twice"),
        ("a: 1\nb: {{ name }}\n", "line 2 not YAML: a key that is no text (a text with braces needs quotes)"),
        ("? [a]\n: 1\n", "line 1 not YAML: a key that is no text"),
        ("a: {b: 2026-13-45}", "line 1 not YAML: a number or date that cannot be"),
        ("a: !!int x", "line 1 not YAML: a number or date that cannot be"),
        ("a: !!timestamp x", "line 1 not YAML: a number or date that cannot be"),
        ("a: !!bool x", "line 1 not YAML: a number or date that cannot be"),
        ("a: &x {b: *x}", "line 1 not YAML: found unconstructable recursive node"),
        ("a: !!python/object:os.system {}", "line 1 not YAML: could not determine a constructor for the tag"),
        ("a: " + "[" * 3000, "not YAML: nested too deep"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(mistakes, text, said):
    [line] = mistakes(text)
    assert line.startswith(f"config.yml: {said}")


def test_characters_that_yaml_does_not_allow_are_told_in_one_line(mistakes):
    [line] = mistakes('region: "a\0b"')
    assert line.startswith("config.yml: not YAML: unacceptable character #x0000")
    assert "\n" not in line


@given(st.text())
def test_any_text_is_read_or_refused_with_mistakes_of_a_line_each(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("any") / "config.yml"
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        read(file)
    except ConfigError as error:
        assert all(line.startswith("config.yml:") and "\n" not in line for line in error.mistakes)  # noqa: PT017


def test_a_merged_mapping_may_be_overridden(write):
    first = "{name: a, backend: x, sync: &often {every: 5m, jitter: 1s}}"
    second = "{name: b, backend: x, sync: {<<: *often, every: 1h}}"
    [_, own] = read(write(f"sources: [{first}, {second}]")).sources
    assert (own.sync.every.total_seconds(), own.sync.jitter.total_seconds()) == (3600, 1)


# --- mistakes


def test_three_mistakes_are_three_lines_at_once(mistakes):
    text = "region: XX\nsources: [{name: team, backend: csv, timeuot: 1, sync: {every: -1}}]\n"
    assert mistakes(text) == [
        "config.yml: region: 'XX' is not an ISO 3166 country code with telephone numbers",
        "config.yml: sources.team.sync.every: must be longer than 0 seconds",
        "config.yml: sources.team.timeuot: unknown key (did you mean 'live.timeout'?)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("regoin: FR", "regoin: unknown key (did you mean 'region'?)"),
        ("http: {prot: 1}", "http.prot: unknown key (did you mean 'port'?)"),
        (
            "sources: [{name: a, backend: b, tenat: x}]",
            "sources.a.tenat: unknown key (did you mean 'tenant'?)",
        ),
        (
            "sources: [{name: a, backend: b, sync: {evry: 1}}]",
            "sources.a.sync.evry: unknown key (did you mean 'every'?)",
        ),
        ("profiles: {p: {lokup: {}}}", "profiles.p.lokup: unknown key (did you mean 'lookup'?)"),
        ("profiles: {reverse: {lokup: {}}}", "profiles.reverse.lokup: unknown key (did you mean 'lookup'?)"),
        ("profiles: {p: {lookup: {limt: 1}}}", "profiles.p.lookup.limt: unknown key (did you mean 'limit'?)"),
        ("displays: {d: [{titel: x}]}", "displays.d.0.titel: unknown key (did you mean 'title'?)"),
        ("zzz: 1", "zzz: unknown key"),
        ("prot: 1", "prot: unknown key"),
        (
            "region: uk",
            "region: 'UK' is not an ISO 3166 country code with telephone numbers (GB is the United Kingdom)",
        ),
        (
            "guests: {subnets: [192.168.1.5/24]}",
            "guests.subnets.0: '192.168.1.5/24' is an address in a network: write '192.168.1.0/24'",
        ),
        ("guests: {subnets: [lan]}", "guests.subnets.0: value is not a valid IPv4 or IPv6 network"),
        ("port: 1", "port: unknown key (did you mean 'http.port'?)"),
        (
            "sources: [{name: a, backend: b, every: 1h}]",
            "sources.a.every: unknown key (did you mean 'sync.every'?)",
        ),
        (
            "sources: [{name: a, backend: b, file: x}]",
            "sources.a.file: unknown key (what only its back-end knows stands under 'config')",
        ),
        ("1: 2", "1: a key must be a text (put it in quotes)"),
        ("profiles: {1: {}}", "profiles.1: a key must be a text (put it in quotes)"),
        ("sources: [{backend: csv}]", "sources.0.name: is required"),
        ("sources: [{name: a}]", "sources.a.backend: is required"),
        ("http:", "http: must be a mapping of keys"),
        ("profiles: []", "profiles: must be a mapping of keys"),
        ("sources:", "sources: must be a list"),
        ("sources: [a]", "sources.0: must be a mapping of keys"),
        ("sources: {a: {backend: csv}}", "sources: must be a list"),
        ("profiles: {p: {lookup: {sources: staff}}}", "profiles.p.lookup.sources: must be a list"),
        ("log: {level: loud}", "log.level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ("http: {port: 70000}", "http.port: Input should be less than or equal to 65535"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_what_was_meant(mistakes, text, said):
    assert mistakes(text) == [f"config.yml: {said}"]


def test_what_does_not_fit_together_is_told_by_its_key(mistakes):
    text = SOURCE + "http: {listen: '::'}\nauth: {mode: none}\nprofiles: {p: {reverse: {sources: [b]}}}"
    auth, profile = mistakes(text)
    assert auth.startswith("config.yml: auth.mode: 'none' lets everybody in")
    assert profile == "config.yml: profiles.p.reverse.sources: no source is called 'b'"


# --- several files


def test_files_of_conf_d_are_laid_over_the_main_one_in_name_order(write):
    more = {"20-b": "region: DE\nhttp: {port: 2}", "10-a": "region: GB\nhttp: {listen: '::1'}"}
    config = read(write("region: FR\nhttp: {port: 1, cors: false}", **more))
    assert config.region == "DE"
    assert (config.http.listen, config.http.port, config.http.cors) == ("::1", 2, False)


def test_only_yml_files_of_conf_d_are_read(write, tmp_path):
    file = write("region: FR")
    (tmp_path / "conf.d" / "a.yml.bak").write_text("region: GB")
    (tmp_path / "conf.d" / "b.yaml").write_text("region: GB")
    assert read(file).region == "FR"


def test_sources_merge_by_name_and_keep_their_order(write):
    main = "sources: [{name: a, backend: csv, config: {file: a.csv}}, {name: b, backend: csv}]"
    more = "sources: [{name: c, backend: csv}, {name: a, config: {separator: ';'}, sync: {every: 1h}}]"
    config = read(write(main, more=more))
    assert [source.name for source in config.sources] == ["a", "b", "c"]
    assert config.sources[0].config == {"file": "a.csv", "separator": ";"}
    assert config.sources[0].sync.every.total_seconds() == 3600


def test_lists_and_texts_are_replaced(write):
    main = SOURCE + "profiles: {p: {lookup: {sources: [a, a]}, display: d}}\ndisplays: {d: []}"
    config = read(write(main, more="profiles: {p: {lookup: {sources: [a]}, display: null}}"))
    assert config.profiles["p"].lookup.sources == ("a",)
    assert config.profiles["p"].display is None


def test_a_source_of_another_tenant_is_another_source(write):
    tenant = "11111111-2222-4333-8444-555555555555"
    config = read(write(SOURCE, more=f"sources: [{{name: a, backend: ldap, tenant: {tenant}}}]"))
    assert [source.backend for source in config.sources] == ["csv", "ldap"]


def test_a_source_is_changed_without_naming_its_tenant(write):
    tenant = "11111111-2222-4333-8444-555555555555"
    main = f"sources: [{{name: a, backend: csv, tenant: {tenant}}}]"
    [source] = read(write(main, more="sources: [{name: a, region: GB}]")).sources
    assert (source.tenant_uuid, source.region) == (tenant, "GB")


def test_an_alias_is_not_changed_where_it_is_used_elsewhere(write):
    main = "sources: [{name: a, backend: x, sync: &s {every: 5m}}, {name: b, backend: x, sync: *s}]"
    config = read(write(main, more="sources: [{name: b, sync: {every: 1m}}]"))
    assert [source.sync.every.total_seconds() for source in config.sources] == [300, 60]


def test_a_name_that_stands_twice_in_one_file_is_a_mistake_there(mistakes):
    twice = "sources: [{name: a, backend: csv}, {name: a, backend: ldap}]"
    said = "sources.a: another source is called 'a' too"
    assert mistakes(twice) == [f"config.yml: {said}"]
    assert mistakes("sources: []", more=twice) == [f"more.yml: {said}"]
    assert mistakes(SOURCE, more=twice) == [f"more.yml: {said}"]


def test_sources_without_a_name_are_not_taken_for_one(mistakes):
    found = mistakes("sources: [{backend: csv}]", a="sources: [staff, {backend: csv}]")
    assert found == [
        "config.yml: sources.0.name: is required",
        "a.yml: sources.1: must be a mapping of keys",
        "a.yml: sources.2.name: is required",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sources: [{name: a, region: XX}]", "more.yml: sources.a.region: 'XX'"),
        ("sources: [{name: a, sync: {every: 0}}]", "more.yml: sources.a.sync.every: must be longer"),
        ("sources: [{name: b}]", "more.yml: sources.b.backend: is required"),
        ("profiles: {p: {lookup: {sources: [b]}}}", "more.yml: profiles.p.lookup.sources: no source"),
        ("profiles: {p: {display: b}}", "more.yml: profiles.p.display: no display"),
        ("auth: {mode: none}", "more.yml: auth.mode: 'none' lets everybody in"),
        (
            "sources: [{name: a, config: {token: {file: none}}}]",
            "more.yml: sources.a.config.token: none: No such",
        ),
    ],
)
def test_a_mistake_is_blamed_on_the_file_it_stands_in(mistakes, more, said):
    [line] = mistakes(SOURCE + "http: {listen: 0.0.0.0}\nprofiles: {p: {}}", more=more)
    assert line.startswith(said)


def test_what_is_missing_is_blamed_on_the_file_that_began_it(mistakes):
    assert mistakes("sources: [{name: a}]", more="sources: [{name: a, region: GB}]") == [
        "config.yml: sources.a.backend: is required"
    ]


def test_a_mistake_found_after_reading_is_blamed_as_well(write):
    config = read(write(SOURCE, more="sources: [{name: a, config: {x: 1}}]"))
    assert config.mistake(("sources", 0, "config", "x"), "is odd") == "more.yml: sources.a.config.x: is odd"
    assert config.mistake(("sources", 0, "backend"), "is odd") == "config.yml: sources.a.backend: is odd"
    assert config.mistake((), "is odd") == "config.yml: is odd"


def test_mistakes_of_all_files_are_told_at_once(mistakes):
    found = mistakes("a: {", b="a: {", c=": : :")
    assert [line.partition(":")[0] for line in found] == ["config.yml", "b.yml", "c.yml"]


def test_a_key_that_no_file_holds_is_blamed_on_the_only_one(mistakes):
    assert mistakes("", more="regoin: FR") == ["more.yml: regoin: unknown key (did you mean 'region'?)"]


# --- paths


def test_a_relative_data_folder_starts_at_the_file_wherever_one_stands(write, tmp_path, monkeypatch):
    write("data: data")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = read(Path("../config.yml"))
    assert os.path.realpath(config.data) == os.path.realpath(tmp_path / "data")
    assert config.data.is_absolute()
    assert config.folder.is_absolute()


# --- secrets


def test_a_secret_may_stand_in_a_file_beside_the_configuration(write, tmp_path):
    (tmp_path / "secret").write_text(f"{CANARY}\r\n", encoding="utf-8")
    config = read(write(with_config("{password: {file: secret}, deep: [{api_key: {file: secret}}]}")))
    assert config.sources[0].config == {"password": CANARY, "deep": [{"api_key": CANARY}]}


def test_a_secret_may_stand_anywhere_else(write, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "secret").write_text(f" {CANARY} \n\n", encoding="utf-8")
    config = read(write(f"views: {{v: {{token: {{file: {folder}/secret}}}}}}"))
    assert config.views == {"v": {"token": f" {CANARY} "}}


def test_a_secret_may_stand_in_the_environment(write, monkeypatch):
    monkeypatch.setenv("LOOKUPD_TEST_SECRET", CANARY)
    config = read(write(with_config("{password: {env: LOOKUPD_TEST_SECRET}}")))
    assert config.sources[0].config == {"password": CANARY}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{file: none}", "none: No such file or directory"),
        ("{file: .}", ".: Is a directory"),
        ("{file: latin}", "latin: not UTF-8 at byte 6"),
        ('{file: "a\\0b"}', "embedded null byte"),
        ("{file: null}", "'file' must have a text (a secret is a text, {file: PATH} or {env: NAME})"),
        ("{file: []}", "'file' must have a text (a secret is a text, {file: PATH} or {env: NAME})"),
        ("{env: LOOKUPD_TEST_NONE}", "the environment has no LOOKUPD_TEST_NONE"),
        ("{env: 5}", "'env' must have a text (a secret is a text, {file: PATH} or {env: NAME})"),
        ("{fiel: x}", "it has another key (a secret is a text, {file: PATH} or {env: NAME})"),
    ],
)
def test_a_secret_that_cannot_be_read_is_a_mistake(mistakes, tmp_path, written, said):
    (tmp_path / "latin").write_bytes(b"canary\xff")
    assert mistakes(with_config(f"{{password: {written}}}")) == [
        f"config.yml: sources.a.config.password: {said}"
    ]


def test_secrets_that_cannot_be_read_are_told_beside_other_mistakes(mistakes):
    found = mistakes("region: XX\n" + with_config("{password: {file: none}, secret: {env: NONE_}}"))
    keys = [line.split(": ")[1] for line in found]
    assert keys == ["sources.a.config.password", "sources.a.config.secret", "region"]


@pytest.mark.parametrize(
    "text",
    [
        SOURCE + "profiles: {secretariat: {lookup: {sources: [a]}}}",
        "sources: [{name: a, backend: csv, format_columns: {token: '{a}'}}]",
        with_config("{file: {env: x}}"),
        with_config("{password: {a: 1, b: 2}}"),
        "views: {password: false}",
    ],
)
def test_only_a_secret_of_a_plugin_is_looked_for_elsewhere(write, text):
    assert read(write(text))


@pytest.mark.parametrize(
    "value",
    [f"*{CANARY}", f"!{CANARY} x", f"!a!{CANARY} x", f"[{CANARY}", f"'{CANARY}", f"{{{CANARY}", f"@{CANARY}"],
)
def test_a_secret_that_needs_quotes_is_not_shown(mistakes, value):
    [line] = mistakes(f"sources:\n- name: a\n  config:\n    password: {value}\n")
    assert "not YAML" in line
    assert "canary" not in line


def test_a_secret_is_in_no_mistake_of_its_source(mistakes):
    text = with_config(f"{{password: {CANARY}, uri: 'x://a:{CANARY}@b'}}").replace("name: a", "nmae: a")
    assert CANARY not in " ".join(mistakes(f"{text}\nregion: XX"))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "ldap_password",
        "bindPasswd",
        "PASSPHRASE",
        "pwd",
        "pass",
        "smtp_pass",
        "client_secret",
        "token",
        "auth_token",
        "api_key",
        "apikey",
        "api-key",
        "private_key",
        "credentials",
        "Authorization",
    ],
)
def test_a_key_that_says_so_holds_a_secret(key):
    assert masked({key: CANARY}) == {key: MASK}
    assert masked([{"deep": ({key: [CANARY]},)}]) == [{"deep": [{key: MASK}]}]


@pytest.mark.parametrize("key", ["user", "passive", "bypass", "key", "file", "compass"])
def test_other_keys_are_shown(key):
    assert masked({key: "x"}) == {key: "x"}


def test_nothing_is_no_secret():
    assert masked({"password": None, "token": ""}) == {"password": None, "token": MASK}


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (f"https://ann:{CANARY}@host/x?y", f"https://ann:{MASK}@host/x?y"),
        (f"ldap://:{CANARY}@host", f"ldap://:{MASK}@host"),
        (f"ldaps://a:x@{CANARY}@host:636/", f"ldaps://a:{MASK}@host:636/"),
        ("https://host:8080/a:b@c", "https://host:8080/a:b@c"),
        ("mailto:ann@host", "mailto:ann@host"),
    ],
)
def test_the_password_in_a_uri_is_not_shown(uri, shown):
    assert masked({"uri": uri}) == {"uri": shown}


def test_a_text_is_shown_without_the_secrets_of_its_settings():
    tree = {"user": "ann", "password": "back\\slash", "deep": [{"token": CANARY, "secret": ""}, 5], "pwd": 7}
    said = without_secrets(f"ann: {CANARY}, back\\slash or {tree['password']!r} fails", tree)
    assert said == f"ann: {MASK}, {MASK} or '{MASK}' fails"
