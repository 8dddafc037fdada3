"""What Asterisk tells is understood, and no name becomes a command of its own."""

import re
import unicodedata

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lookupd.views.fastagi.agi import VALUE, call, command
from lookupd.views.fastagi.conversation import Status
from lookupd.views.fastagi.naming import Naming
from lookupd.views.fastagi.settings import Settings
from tests.document import blocks, read
from tests.servers.asterisk import LONGEST_COMMAND, Channel, words


def told(**channel):
    return call(Channel(**channel).head("127.0.0.1", 4573).split("\n\n")[0].split("\n"))


@given(st.text())
@example('Eve" <0900>\nSET VARIABLE CALLERID(num) "0900')
@example("back\\")
@example('\\"')
@example("a\tb\r\nc\u2028d\x85e\x00")
@example("é" * 2000)
@example("\ud800")
def test_whatever_a_value_is_asterisk_reads_one_command_of_four_words(value):
    line = command("LOOKUPD_NAME", value)
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    assert len(line) <= LONGEST_COMMAND + 200
    assert words(line.decode()[:-1])[:3] == ["SET", "VARIABLE", "LOOKUPD_NAME"]
    assert len(words(line.decode()[:-1])) == 4


@given(st.text(max_size=200).filter(lambda text: len(text.encode("utf-8", "replace")) <= VALUE))
def test_a_value_without_line_ends_arrives_as_it_is(value):
    value = "".join(char for char in value if unicodedata.category(char) not in {"Cc", "Zl", "Zp", "Cs"})
    assert words(command("X", value).decode()[:-1])[3] == value


@given(st.text(), st.integers(1, 60))
@example("a" * 39 + " b", 40)
def test_a_name_is_one_line_of_bounded_length_without_what_a_dialplan_would_take(name, length):
    naming = Naming(Settings(length=length))
    text = naming.line(name)
    assert len(text) <= length
    assert text == text.strip()
    assert not set('"\\<>,;|$`') & set(text)
    assert text.isprintable() or set(text) & set("\u200c\u200d")
    assert naming.shown(name, ()) in {text, ""}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ada Bélanger", "Ada Bélanger"),
        ("Müller, Bob", "Müller Bob"),
        ('Ann "Annie" O\'Brien', "Ann Annie O'Brien"),
        ("Smith & Sons (London)", "Smith & Sons (London)"),
        ("${SHELL(reboot)}", "{SHELL(reboot)}"),
        ("\u202eevil\u202c", "evil"),
        ("Zoe\u0308  \n Z", "Zoë Z"),
        ("محمد", "محمد"),
        ("\U0001f469\u200d\U0001f4bb Ada", "\U0001f469\u200d\U0001f4bb Ada"),
        ("\x00\x1b[2J", "[2J"),
        (" , ", ""),
    ],
)
def test_a_name_is_shown_as_it_is_but_for_what_is_risky(name, text):
    assert Naming(Settings()).shown(name, ()) == text


@pytest.mark.parametrize(
    ("name", "is_unnamed"),
    [
        ("unknown", True),
        ("", True),
        ("Anonymous", True),
        ("0199001234", True),
        ("+33 (0)1 99 00 12 34", True),
        ('"unknown"', True),
        ("Ada", False),
        ("7 Eleven", False),
        ("李", False),
    ],
)
def test_a_caller_without_a_name_is_one_with_a_number_or_a_word_for_none(name, is_unnamed):
    assert Naming(Settings()).is_unnamed(name, "0199001234") is is_unnamed


def test_the_number_itself_is_no_name():
    assert Naming(Settings()).is_unnamed("sip:ada", "sip:ada")


def test_words_for_no_name_are_a_setting_and_never_shown_as_one():
    naming = Naming(Settings(junk=("voicemail",)))
    assert naming.is_unnamed("Voicemail", "1")
    assert naming.shown("Voicemail", ()) == ""
    assert not naming.is_unnamed("unknown", "1")


def test_names_may_be_in_ascii():
    assert Naming(Settings(ascii=True)).shown("Łukasz Müller-Strauß", ()) == "Lukasz Muller-Strauss"


@pytest.mark.parametrize(
    ("script", "arguments", "profile", "when"),
    [
        ("", (), None, None),
        ("default", (), "default", None),
        ("/night%20shift/", (), "night shift", None),
        ("default?when=always", (), "default", "always"),
        ("?profile=night", (), "night", None),
        ("", ("profile=night", "when=always"), "night", "always"),
        ("default?when=always", ("when=unnamed",), "default", "unnamed"),
        ("default?other=1&&=", ("nothing", "=", "a=b=c"), "default", None),
    ],
)
def test_script_and_arguments_say_how_to_ask(script, arguments, profile, when):
    found = told(script=script, arguments=arguments)
    assert (found.profile, found.when) == (profile, when)


def test_the_script_is_taken_from_the_request_where_it_stands_nowhere_else():
    found = call(["agi_request: agi://pbx.example.com/night?when=always", "agi_callerid: 0123"])
    assert (found.profile, found.when, found.number) == ("night", "always", "0123")


def test_another_number_than_the_callers_may_be_asked():
    assert told(number="100", script="default?number=0199001234").number == "0199001234"
    assert told(number="100", arguments=("number=0199001234",)).number == "0199001234"


def test_unknown_is_no_number():
    assert told().number == ""


@given(st.lists(st.text()))
@example(["agi_request", "agi_: x", "agi_request:", "agi_request: ://", "agi_arg_1: =%zz"])
@example(["agi_network: yes", "agi_request: \udcff://\udcff/\udcff?\udcff"])
def test_no_head_is_too_odd(lines):
    found = call(lines)
    assert found is None or isinstance(found.number, str)


def test_a_head_that_is_not_asterisks_is_no_call():
    assert call(["GET / HTTP/1.1", "Host: here"]) is None


PAGE = read("docs/pbx/fastagi.md")


def test_the_page_has_every_setting_with_its_default():
    table = dict(re.findall(r"(?m)^\| `(\w+)` \| (.+?) \| ", PAGE.partition("## The dialplan")[0]))
    assert [*table] == [*Settings.model_fields]
    said = {key: yaml.safe_load(text.strip("`")) for key, text in table.items() if text.startswith("`")}
    assert {**table, **said}.pop("tenant") == "none"
    assert Settings.model_validate(said) == Settings()


def test_the_page_says_what_every_status_means():
    assert all(f"`{status}`" in PAGE for status in Status)


def test_both_ways_to_write_options_on_the_page_mean_the_same():
    [block] = [one.text for one in blocks(PAGE, "asterisk") if "when=always" in one.text]
    as_query, as_arguments = re.findall(
        r"AGI\(agi://127\.0\.0\.1(.*)\)", block.replace("${CALLERID(ani)}", "0123")
    )
    script, *arguments = as_arguments.split(",")
    found = told(script=as_query.removeprefix("/"))
    assert found == told(script=script, arguments=tuple(arguments))
    assert (found.profile, found.when, found.number) == ("night", "always", "0123")
