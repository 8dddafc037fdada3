"""The section `views.caller_id`, as the documentation tells it."""

import re

import pytest
import yaml

from lookupd.views.caller_id.settings import Settings
from tests.document import read

TABLE = dict(
    re.findall(
        r"(?m)^\| `(\w+)` \| (.+?) \|",
        read("docs/configuration.md").partition("key of `views.caller_id`")[2].partition("\n\n")[0],
    )
)


def test_every_key_stands_in_the_documentation_and_nothing_else():
    assert sorted(TABLE) == sorted(Settings.model_fields)


@pytest.mark.parametrize("key", sorted(set(Settings.model_fields) - {"junk"}))
def test_the_default_in_the_documentation_is_the_default(key):
    said = yaml.safe_load(TABLE[key].strip("`"))
    assert (tuple(said) if isinstance(said, list) else said) == getattr(Settings(), key)


@pytest.mark.parametrize("wrong", [{"lenght": 3}, {"length": 0}, {"length": 201}, {"profile": ""}])
def test_mistakes_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings.model_validate(wrong)
