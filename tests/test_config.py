"""What the configuration may say, how it fits together, and the sources and profiles that are made of it."""

import contextlib
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lookupd.config import DEFAULT_TENANT, Config, Misfits, SourceSettings, SyncSettings
from lookupd.errors import UnknownProfile, UnknownSource
from lookupd.loader import Loader
from lookupd.number import NumberRules
from lookupd.profiles import Profiles
from lookupd.setting import hint
from lookupd.sources import Sources, main_config
from tests.fakes import Clock, Directory, FakeLoader, config_of

TENANT = "11111111-2222-4333-8444-555555555555"
CANARY = "canary-Xq7%"


def mistakes(tree):
    """What is wrong with a configuration: key -> message."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(tree)
    found = {}
    for detail in caught.value.errors():
        cause = detail.get("ctx", {}).get("error")
        problems = cause.problems if isinstance(cause, Misfits) else [(detail["loc"], detail["msg"])]
        found |= {".".join(map(str, keys)): text for keys, text in problems}
    return found


def source(**more):
    return SourceSettings(name="a", backend="csv", **more)


def profile_of(*sources, **more):
    return {"profiles": {"p": {"reverse": {"sources": sources}, **more}}}


def test_an_empty_configuration_is_valid_and_on_loopback():
    config = Config()
    assert config.http.is_loopback
    assert config.auth.mode == "token"
    assert config.sources == ()


def test_nothing_changes_after_reading():
    with pytest.raises(ValidationError, match="frozen"):
        Config().region = "FR"


# --- spans


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("400ms", 0.4),
        ("30s", 30),
        ("15m", 900),
        ("1.5h", 5400),
        ("7d", 604800),
        (" 2 h ", 7200),
        (30, 30),
        (0.25, 0.25),
        ("36525d", 36525 * 86400),
    ],
)
def test_a_span_is_a_number_with_a_unit_or_seconds(written, seconds):
    assert source(fresh_for=written).fresh_for == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5", "a span is a number with a unit"),
        ("5 weeks", "a span is a number with a unit"),
        ("-5s", "a span is a number with a unit"),
        ("", "a span is a number with a unit"),
        ("PT15M", "a span is a number with a unit"),
        (0, "must be longer than 0 seconds"),
        ("0s", "must be longer than 0 seconds"),
        (-1, "must be longer than 0 seconds"),
        (-1e300, "must be longer than 0 seconds"),
        (float("-inf"), "must be longer than 0 seconds"),
        (float("inf"), "must not be longer than 100 years"),
        (float("nan"), "must not be longer than 100 years"),
        (10**400, "must not be longer than 100 years"),
        ("36526d", "must not be longer than 100 years"),
        ("9" * 400 + "d", "must not be longer than 100 years"),
        (True, "a span is a number with a unit"),
        ([], "valid timedelta"),
    ],
)
def test_what_is_no_span_is_refused_with_the_reason(written, said):
    with pytest.raises(ValidationError, match=said):
        source(max_stale=written)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.from_regex(r"[0-9]+(ms|s|m|h|d)", fullmatch=True)))
def test_a_span_is_taken_or_refused_whatever_is_written(written):
    with contextlib.suppress(ValidationError):
        assert timedelta(0) < source(answer_ttl=written).answer_ttl <= timedelta(days=36525)


def test_only_a_jitter_may_be_zero():
    assert source(sync={"jitter": "0s"}).sync.jitter == timedelta(0)
    with pytest.raises(ValidationError, match="must not be shorter than 0 seconds"):
        source(sync={"jitter": -1})


# --- regions


@pytest.mark.parametrize("written", ["FR", "fr", "Gb", "NO"])
def test_a_region_is_a_country_in_any_case(written):
    assert Config(region=written).region == written.upper()


@pytest.mark.parametrize("written", ["XX", "", "France", "001", "EN", "f\N{KELVIN SIGN}"])
def test_a_region_without_telephone_numbers_is_refused(written):
    assert "is not an ISO 3166 country code" in mistakes({"region": written})["region"]


def test_norway_is_told_to_stand_in_quotes():
    assert "write 'NO' for Norway" in mistakes({"region": False})["region"]


@pytest.mark.parametrize("written", [33, True, ["FR"]])
def test_a_region_that_is_no_text_is_refused(written):
    assert "valid string" in mistakes({"region": written})["region"]


def test_a_source_and_a_profile_have_the_global_region_unless_they_say_otherwise():
    config = Config.model_validate(
        {
            "region": "FR",
            "sources": [{"name": "a", "backend": "x"}, {"name": "b", "backend": "x", "region": "de"}],
            "profiles": {
                "p": {},
                "q": {"region": "GB", "reverse": {"strip_prefixes": ["0"], "add_prefix": "00"}},
            },
        }
    )
    assert [config.rules(source).region for source in config.sources] == ["FR", "DE"]
    assert config.asked_rules(config.profiles["p"]) == NumberRules(region="FR")
    assert config.asked_rules(config.profiles["q"]) == NumberRules(
        region="GB", strip_prefixes=("0",), add_prefix="00"
    )


# --- cron


def weekday(cron):
    """The day on which a cron expression first comes, from a Thursday at noon."""
    trigger = CronTrigger.from_crontab(source(sync={"cron": cron}).sync.cron, timezone="UTC")
    return trigger.get_next_fire_time(None, Clock().now).strftime("%a")


@pytest.mark.parametrize(
    ("days", "first"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("1", "Mon"),
        ("5", "Fri"),
        ("6", "Sat"),
        ("sun", "Sun"),
        ("mon-wed", "Mon"),
    ],
)
def test_weekdays_count_as_in_crontab(days, first):
    assert weekday(f"0 3 * * {days}") == first


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("*", "*"),
        ("0-2", "sun,mon,tue"),
        ("5-7", "fri,sat,sun"),
        ("1,3", "mon,wed"),
        ("*/3", "sun,wed,sat"),
        ("1-5/2", "mon,wed,fri"),
        ("4/2", "thu,sat"),
        ("sat,0", "sat,sun"),
    ],
)
def test_weekdays_are_kept_by_their_names(written, meant):
    assert source(sync={"cron": f"30  2 1,15 * {written}"}).sync.cron == f"30 2 1,15 * {meant}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "got 0, expected 5"),
        ("0 3 *", "got 3, expected 5"),
        ("0 25 * * *", "higher than the maximum"),
        ("0 3 * * 8", "higher than the maximum"),
        ("0 3 * * 5-2", "must not be higher"),
        ("@daily", "got 1, expected 5"),
        ("0 3 30 2 *", "this day never comes"),
        (5, "valid string"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_reason(written, said):
    with pytest.raises(ValidationError, match=said):
        source(sync={"cron": written})


def test_every_and_cron_exclude_each_other():
    with pytest.raises(ValidationError, match="every and cron exclude each other"):
        source(sync={"cron": "0 3 * * *", "every": "15m"})
    assert source(sync={"cron": "0 3 * * *", "every": None}).sync.every is None


# --- switches and what hangs on them


@pytest.mark.parametrize("written", [True, None, {}])
def test_a_section_that_is_on_is_as_by_default(written):
    assert source(sync=written).sync == source().sync
    assert source(live=written).live == source().live


def test_a_section_that_is_off_is_none():
    assert source(sync=False).sync is None
    assert source(live=False).live is None


def test_a_source_is_asked_somehow():
    with pytest.raises(ValidationError, match="would never answer"):
        source(sync=False, live=False)


@pytest.mark.parametrize(
    ("settings", "span"),
    [
        ({}, timedelta(minutes=30)),
        ({"sync": {"every": "1h"}}, timedelta(hours=2)),
        ({"sync": {"every": "36525d"}}, timedelta(days=73050)),
        ({"sync": {"cron": "0 3 * * *"}}, timedelta(days=1)),
        ({"sync": False}, timedelta(days=1)),
        ({"sync": {"every": "1h"}, "fresh_for": "5m"}, timedelta(minutes=5)),
    ],
)
def test_answers_are_fresh_for_twice_the_interval_unless_said_otherwise(settings, span):
    assert source(**settings).freshness_span == span


@pytest.mark.parametrize(
    ("format_", "said"),
    [
        ("{a!r}", r"\{a!r\} is not a column"),
        ("{a:>9}", r"\{a:>9\} is not a column"),
        ("{}", r"\{\} is not a column"),
        ("{a", "expected '}'"),
        ("a}", "Single '}'"),
        ("{a[b]c}", r"\{a\[b\]c\} is not a column"),
    ],
)
def test_a_format_that_is_no_template_is_a_mistake_of_the_configuration(format_, said):
    with pytest.raises(ValidationError, match=said) as caught:
        source(format_columns={"name": format_})
    assert caught.value.errors()[0]["loc"] == ("format_columns", "name")


@pytest.mark.parametrize("reverse", [{"strip_prefixes": ["x"]}, {"add_prefix": "zero"}])
def test_prefixes_that_cannot_be_dialled_are_refused(reverse):
    [text] = mistakes({"profiles": {"p": {"reverse": reverse}}}).values()
    assert "prefix" in text


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("sync", "max_loss", 1.1),
        ("sync", "search_terms", []),
        ("live", "threads", 0),
        ("live", "threads", 65),
        ("live", "spellings", []),
        ("live", "spellings", ["roman"]),
    ],
)
def test_values_out_of_bounds_are_refused(section, key, value):
    with pytest.raises(ValidationError) as caught:
        source(**{section: {key: value}})
    assert caught.value.errors()[0]["loc"][:2] == (section, key)


# --- what fits together


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_everybody_may_be_let_in_on_loopback(listen):
    config = Config.model_validate({"http": {"listen": listen}, "auth": {"mode": "none"}})
    assert config.http.is_loopback


@pytest.mark.parametrize(
    "listen", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "example.com", "", "127.1"]
)
def test_everybody_is_not_let_in_from_outside(listen):
    [(key, text)] = mistakes({"http": {"listen": listen}, "auth": {"mode": "none"}}).items()
    assert key == "auth.mode"
    assert f"not {listen!r} (listen on 127.0.0.1, or use mode: token)" in text


def test_with_tokens_any_address_will_do():
    assert not Config.model_validate({"http": {"listen": "0.0.0.0"}}).http.is_loopback


def test_two_sources_of_a_tenant_cannot_share_a_name():
    sources = [{"name": name, "backend": "csv"} for name in ("a", "b", "a", "a")]
    text = "another source is called 'a' too"
    assert mistakes({"sources": sources}) == {"sources.2": text, "sources.3": text}


def test_sources_of_two_tenants_may_share_a_name():
    own, other = config_of({"name": "a"}, {"name": "a", "tenant": TENANT}).sources
    assert (own.tenant_uuid, other.tenant_uuid) == (DEFAULT_TENANT, TENANT)
    assert own.uuid != other.uuid
    assert UUID(own.uuid)


def test_the_uuid_of_a_source_stays_whatever_else_changes():
    assert source().uuid == source(region="FR", tenant=DEFAULT_TENANT).uuid


def test_an_unknown_source_of_a_profile_is_told_with_what_was_meant():
    tree = {"sources": [{"name": "staff", "backend": "csv"}], **profile_of("staff", "stuff", "zzz")}
    [(key, _)] = mistakes(tree).items()
    assert key == "profiles.p.reverse.sources"
    with pytest.raises(ValidationError, match=r"'stuff' \(did you mean 'staff'\?\); .*'zzz' "):
        Config.model_validate(tree)


def test_unknown_sources_of_both_services_are_told_at_once():
    tree = {"profiles": {"p": {"reverse": {"sources": ["a"]}, "lookup": {"sources": ["b"]}}}}
    assert sorted(mistakes(tree)) == ["profiles.p.lookup.sources", "profiles.p.reverse.sources"]


def test_a_source_of_another_tenant_is_not_the_profile_s():
    tree = {"sources": [{"name": "a", "backend": "csv", "tenant": TENANT}], **profile_of("a")}
    assert mistakes(tree) == {"profiles.p.reverse.sources": "source 'a' belongs to another tenant"}
    assert Config.model_validate({**tree, **profile_of("a", tenant=TENANT)})


def test_an_unknown_display_is_told_with_what_was_meant():
    tree = {"displays": {"default": []}, **profile_of(display="defualt")}
    text = "no display is called 'defualt' (did you mean 'default'?)"
    assert mistakes(tree) == {"profiles.p.display": text}


def test_parts_that_do_not_fit_are_told_beside_what_is_wrong_elsewhere():
    tree = {
        "region": "XX",
        "http": {"listen": "0.0.0.0"},
        "auth": {"mode": "none"},
        "sources": [{"name": "a", "backend": "csv"}],
        **profile_of("b", display="c"),
    }
    keys = ["auth.mode", "profiles.p.display", "profiles.p.reverse.sources", "region"]
    assert sorted(mistakes(tree)) == keys


def test_nothing_is_compared_with_a_part_that_is_wrong_itself():
    tree = {"sources": [{"name": "a"}], "displays": 1, "http": {"port": -1}, **profile_of("b", display="c")}
    tree["auth"] = {"mode": "none"}
    assert sorted(mistakes(tree)) == ["displays", "http.port", "sources.0.backend"]


def test_a_mistake_outside_any_file_has_its_key():
    assert Config().mistake(("sources", 0, "config"), "is odd") == "sources.0.config: is odd"
    assert str(Misfits([(("a", 1), "x"), (("b",), "y")])) == "a.1: x; b: y"


@pytest.mark.parametrize(
    ("data", "found"), [("data", "/etc/l/data"), ("/srv", "/srv"), ("../x", "/etc/l/../x")]
)
def test_a_relative_data_folder_starts_where_the_file_lies(data, found):
    config = Config(data=data).located(Path("/etc/l"))
    assert config.data == Path(found)
    assert config.folder == Path("/etc/l")


def test_a_source_is_found_by_tenant_and_name():
    config = config_of({"name": "a"}, {"name": "a", "tenant": TENANT})
    assert config.source(TENANT, "a") is config.sources[1]
    with pytest.raises(KeyError):
        config.source(TENANT, "b")


def test_only_sources_of_profiles_that_match_by_suffix_are_indexed_so():
    sources = [{"name": "a", "backend": "x"}, {"name": "b", "backend": "x"}]
    profiles = {
        "p": {"reverse": {"sources": ["a"], "suffix": True}},
        "q": {"reverse": {"sources": ["b"]}},
    }
    config = Config.model_validate({"sources": sources, "profiles": profiles})
    assert config.suffix_sources() == {config.sources[0].uuid}


@pytest.mark.parametrize(
    ("wrong", "known", "said"),
    [("timeuot", {"timeout", "every"}, " (did you mean 'timeout'?)"), ("zzz", {"timeout"}, ""), ("", {}, "")],
)
def test_a_hint_names_what_is_spelt_alike(wrong, known, said):
    assert hint(wrong, known) == said


# --- what plugins see of it


def test_secrets_are_masked_in_what_plugins_see(tmp_path):
    own = {
        "password": CANARY,
        "deep": [{"api-key": CANARY}],
        "uri": f"ldap://ann:{CANARY}@host/x",
        "user": "ann",
    }
    config = config_of({"name": "a", "config": own}, views={"v": {"auth_token": CANARY}}).located(tmp_path)
    shown = main_config(config)
    assert CANARY not in str(shown)
    assert shown["sources"][0]["config"]["user"] == "ann"
    assert shown["sources"][0]["config"]["uri"] == "ldap://ann:********@host/x"
    assert shown["config_dir"] == str(tmp_path)


def test_names_that_people_chose_are_no_secrets():
    config = Config.model_validate(
        {
            "sources": [{"name": "a", "backend": "x", "format_columns": {"secretary": "{n}"}}],
            "profiles": {"secretariat": {"lookup": {"sources": ["a"]}}},
            "displays": {"tokens": [{"title": "Name"}]},
        }
    )
    shown = main_config(config)
    assert shown["sources"][0]["format_columns"] == {"secretary": "{n}"}
    assert shown["profiles"]["secretariat"]["lookup"]["sources"] == ["a"]
    assert shown["displays"]["tokens"][0]["title"] == "Name"


def test_no_secret_is_masked_in_what_its_own_back_end_gets():
    config = config_of({"name": "a", "config": {"password": CANARY}})
    [own] = Sources(config, FakeLoader(a=Directory()))
    assert own.load_args()["config"]["password"] == CANARY
    assert CANARY not in str(own.load_args()["main_config"])


# --- sources


def sources_of(config, **directories):
    return Sources(config, FakeLoader(**directories))


def test_sources_are_in_the_order_of_the_configuration_and_by_tenant():
    sources = sources_of(config_of({"name": "b"}, {"name": "a"}, {"name": "b", "tenant": TENANT}))
    assert [source.name for source in sources] == ["b", "a", "b"]
    assert sources.names(DEFAULT_TENANT) == ["b", "a"]
    assert sources.get(TENANT, "b").settings.tenant_uuid == TENANT


def test_an_unknown_source_is_told_with_those_of_its_tenant_only():
    sources = sources_of(config_of({"name": "a"}, {"name": "hidden", "tenant": TENANT}, profiles={}))
    with pytest.raises(UnknownSource, match=r"no source is called 'hidden' \(configured: a\)"):
        sources.get(DEFAULT_TENANT, "hidden")


def test_suffixes_are_indexed_where_a_profile_asks_for_them():
    profiles = {"p": {"reverse": {"sources": ["a"], "suffix": True}}}
    with_suffix, without = sources_of(config_of({"name": "a"}, {"name": "b"}, profiles=profiles))
    row = {"number": "+33199001234"}
    assert len([*with_suffix.shape.index_keys(with_suffix.shape.contact(row))]) == 2
    assert len([*without.shape.index_keys(without.shape.contact(row))]) == 1


async def test_sources_load_in_the_background_and_a_broken_one_keeps_nobody_waiting():
    config = config_of({"name": "good"}, {"name": "missing"})
    sources = Sources(config, FakeLoader(good=Directory()))
    sources.open()
    await sources.opening[0]
    good, missing = sources
    assert good.state == "loaded"
    assert not sources.opening[1].done()
    await sources.close()
    assert sources.opening[1].cancelled()
    assert {good.state, missing.state} == {"closed"}


# --- profiles


def profiles_of(**more):
    config = config_of({"name": "a"}, {"name": "b"}, {"name": "t", "tenant": TENANT}, **more)
    return Profiles(config, Sources(config, Loader()))


def test_a_profile_holds_its_sources_in_its_own_order_each_once():
    profile = {"lookup": {"sources": ["b", "a"]}, "reverse": {"sources": ["a"]}, "region": "DE"}
    profile = profiles_of(profiles={"p": profile}).get(DEFAULT_TENANT, "p")
    assert [source.name for source in profile.lookup] == ["b", "a"]
    assert [source.name for source in profile.sources] == ["b", "a"]
    assert profile.rules.region == "DE"


def test_a_profile_is_its_tenant_s_alone():
    profiles = profiles_of(profiles={"p": {"tenant": TENANT, "reverse": {"sources": ["t"]}}})
    assert [profile.tenant for profile in profiles] == [TENANT]
    assert profiles.get(TENANT, "p").reverse[0].name == "t"
    with pytest.raises(UnknownProfile, match="no profile is called 'p' in this tenant"):
        profiles.get(DEFAULT_TENANT, "p")


def test_a_profile_shows_the_columns_of_its_display():
    profiles = profiles_of(profiles={"p": {"display": "d"}}, displays={"d": [{"title": "T", "field": "f"}]})
    assert [column.field for column in profiles.get(DEFAULT_TENANT, "p").columns] == ["f"]


def columns(**settings):
    """The columns of a profile without a display, by field and type."""
    config = config_of({"name": "a", **settings})
    profile = Profiles(config, Sources(config, Loader())).get(DEFAULT_TENANT, "default")
    return [(column.title, column.field, column.type) for column in profile.columns]


def test_a_profile_without_a_display_shows_what_its_source_finds():
    found = columns(searched_columns=["cn", "mail"], first_matched_columns=["phone"])
    assert found == [("cn", "cn", "name"), ("mail", "mail", None), ("phone", "phone", "number")]


def test_a_profile_without_a_display_shows_the_formatted_name_where_there_is_one():
    found = columns(format_columns={"name": "{cn}"}, searched_columns=["cn"], first_matched_columns=[])
    assert found == [("name", "name", "name")]


def test_a_profile_without_a_display_shows_the_columns_of_all_its_sources_each_once():
    own = {"searched_columns": ["name", "firm"], "first_matched_columns": ["phone", "mobile"]}
    others = {"searched_columns": ["Name", "firm"], "first_matched_columns": ["Telefon", "mobile"]}
    config = config_of({"name": "a", **own}, {"name": "b", **others})
    profile = Profiles(config, Sources(config, Loader())).get(DEFAULT_TENANT, "default")
    assert [(column.field, column.type) for column in profile.columns] == [
        ("name", "name"),
        ("firm", None),
        ("Name", "name"),
        *((number, "number") for number in ("phone", "mobile", "Telefon")),
    ]


def test_a_profile_without_a_lookup_has_no_columns():
    assert profiles_of(profiles={"p": {}}).get(DEFAULT_TENANT, "p").columns == ()


def test_a_source_that_is_synced_at_no_time_is_a_mistake():
    with pytest.raises(ValidationError, match="every or cron is required"):
        SyncSettings(every=None)


def test_two_tenants_may_each_have_a_profile_of_the_name_all_clients_use():
    config = Config.model_validate(
        {
            "profiles": {
                "default": {},
                "theirs": {"name": "default", "tenant": "2c34c282-433e-4bb8-8d56-fec14ff7e1e9"},
            }
        }
    )
    profiles = Profiles(config, Sources(config, Loader()))
    assert {(profile.tenant == DEFAULT_TENANT, profile.name) for profile in profiles} == {
        (True, "default"),
        (False, "default"),
    }


def test_one_tenant_has_each_profile_name_once():
    with pytest.raises(ValidationError, match="another profile of this tenant is called 'default' too"):
        Config.model_validate({"profiles": {"default": {}, "again": {"name": "default"}}})
