"""The REST interface that existing clients speak: who has a number, one or many."""

import json
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVERSE = "/0.1/directories/reverse/default/8a2c"
ADA = {
    "display": "Ada Bélanger",
    "exten": "+33199001234",
    "fields": {
        "id": "1",
        "name": "Ada Bélanger",
        "mail": "ada@example.com",
        "number": "+33 1 99 00 12 34",
        "mobile": "06 39 98 12 34",
        "room": "B12",
        "reverse": "Ada Bélanger",
        "label": "Ada Bélanger (B12)",
        "office": "B12",
    },
    "source": "staff",
}
OWN_HEADERS = ("Age", "X-Lookupd-Freshness", "X-Lookupd-Failed")


def nobody(exten):
    return {"display": None, "exten": exten, "fields": {}, "source": None}


def told(reply):
    return {name: reply.headers[name] for name in OWN_HEADERS if name in reply.headers}


async def test_a_found_number_is_this_object_and_nothing_else(site):
    reply = await site.ask(REVERSE, exten="+33199001234")
    assert reply.status == 200
    assert reply.json == ADA
    assert list(reply.json) == list(ADA)
    assert list(reply.json["fields"]) == list(ADA["fields"])


async def test_the_reply_is_one_line_of_ascii_json_and_a_newline(site):
    reply = await site.ask(REVERSE, exten="+33199001234")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == json.dumps(reply.json).encode() + b"\n"


async def test_a_number_nobody_has_is_a_200_with_nulls(site):
    reply = await site.ask(REVERSE, exten="+33199009999")
    assert reply.status == 200
    assert reply.body == (b'{"display": null, "exten": "+33199009999", "fields": {}, "source": null}\n')


@pytest.mark.parametrize(
    "exten", ["0199001234", "0033 1 99 00 12 34", "01.99.00.12.34", "tel:+33-1-99-00-12-34"]
)
async def test_a_number_is_found_however_it_is_written_and_comes_back_as_asked(site, exten):
    assert (await site.ask(REVERSE, exten=exten)).json == {**ADA, "exten": exten}


async def test_a_plus_that_was_not_encoded_is_understood(site):
    reply = await site.ask(f"{REVERSE}?exten=+33199001234")
    assert reply.json == {**ADA, "exten": " 33199001234"}


async def test_a_contact_without_a_caller_name_has_its_fields_all_the_same(site):
    assert (await site.ask(REVERSE, exten="0199008001")).json == {
        "display": None,
        "exten": "0199008001",
        "fields": {"company": "ACME", "phone": "+33 1 99 00 80 01"},
        "source": "partners",
    }


@pytest.mark.parametrize("profile", ["empty", "headers"])
async def test_a_profile_without_reverse_knows_nobody(site, profile):
    reply = await site.ask(f"/0.1/directories/reverse/{profile}/u", exten="0199001234")
    assert (reply.status, reply.json) == (200, nobody("0199001234"))


async def test_a_fresh_answer_says_nothing_about_itself(site):
    assert told(await site.ask(REVERSE, exten="+33199001234")) == {}


# --- stale answers and failed sources


@pytest.mark.parametrize(
    ("age", "freshness"), [({"hours": 2}, "stale"), ({"days": 6}, "stale"), ({"days": 8}, "expired")]
)
async def test_an_old_answer_is_served_with_its_age(site, age, freshness):
    site.age("aged", **age)
    reply = await site.ask("/0.1/directories/reverse/aged/u", exten="0199008001")
    assert reply.json["display"] == "ACME"
    assert reply.headers["X-Lookupd-Freshness"] == freshness
    seconds = timedelta(**age).total_seconds()
    assert seconds <= int(reply.headers["Age"]) < seconds + 60


async def test_an_answer_is_fresh_up_to_its_span(site):
    site.age("aged", minutes=50)
    assert told(await site.ask("/0.1/directories/reverse/aged/u", exten="0199008001")) == {}


async def test_an_old_source_that_knows_nobody_tells_no_age(site):
    site.age("aged", days=2)
    assert told(await site.ask("/0.1/directories/reverse/aged/u", exten="0199009999")) == {}


@pytest.mark.parametrize("exten", ["0199001234", "0199009999"])
async def test_a_source_that_could_not_be_asked_is_named(site, exten):
    reply = await site.ask("/0.1/directories/reverse/failing/u", exten=exten)
    assert reply.status == 200
    assert reply.json["source"] == ("staff" if exten == "0199001234" else None)
    assert told(reply) == {"X-Lookupd-Failed": "gone%2C really"}


# --- the whole story


async def test_an_explained_answer_tells_the_whole_story(site):
    site.age("aged", hours=3)
    reply = await site.ask("/0.1/directories/reverse/aged/u", exten="01 99 00 80 01", explain="true")
    story = reply.json.pop("explain")
    as_of, age = datetime.fromisoformat(story.pop("as_of")), story.pop("age")
    assert timedelta(hours=3) <= datetime.now(UTC) - as_of < timedelta(hours=3, minutes=1)
    assert 3 * 3600 <= age < 3 * 3600 + 60
    steps = story.pop("steps")
    assert steps[0] == "'01 99 00 80 01' is read as +33199008001"
    assert steps[-1] == "answer: ACME"
    assert story == {
        "number": "+33199008001",
        "extension": None,
        "source": "aged",
        "backend": "csv",
        "origin": "index",
        "tier": "exact",
        "matched": "+33199008001",
        "freshness": "stale",
        "failed": [],
    }


async def test_an_explained_answer_is_the_plain_one_and_the_story(site):
    explained = (await site.ask(REVERSE, exten="+33199001234", explain="True")).json
    assert list(explained) == [*ADA, "explain"]
    assert {**explained, "explain": None} == {**ADA, "explain": None}


async def test_an_explained_absence_names_who_was_asked(site):
    reply = await site.ask("/0.1/directories/reverse/failing/u", exten="0199009999", explain="1")
    story = reply.json["explain"]
    [failure] = story["failed"]
    assert failure["source"] == "gone, really"
    assert "No such file or directory" in failure["reason"]
    assert story["steps"][-1] == "answer: nobody"
    unknown = ("source", "backend", "origin", "tier", "matched", "as_of", "age", "freshness")
    assert {story[name] for name in unknown} == {None}


async def test_what_is_no_number_is_explained_as_such(site):
    found = (await site.ask(REVERSE, exten="anonymous", explain="true")).json
    assert found["explain"]["number"] is None
    assert found["explain"]["steps"] == ["'anonymous' is not a telephone number: nobody is asked"]
    assert found["source"] is None


# --- many at once


async def post(site, body, path=REVERSE, **query):
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await site.ask(path, "POST", body=sent, **query)


async def test_many_numbers_get_one_answer_each_in_their_order(site):
    extens = ["0199009999", "+33199001234", "nonsense", "0199009999", "+33199001234"]
    reply = await post(site, {"extens": extens})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    results = [nobody("0199009999"), ADA, nobody("nonsense"), nobody("0199009999"), ADA]
    assert reply.body == json.dumps({"results": results}).encode() + b"\n"


async def test_no_numbers_get_no_answers(site):
    assert (await post(site, {"extens": []})).json == {"results": []}


async def test_a_thousand_numbers_may_be_asked_at_once(site):
    extens = [f"01990{number:05}" for number in range(1234 - 999, 1235)]
    results = (await post(site, {"extens": extens})).json["results"]
    assert [result["exten"] for result in results] == extens
    assert results[-1]["source"] == "staff"


async def test_many_answers_can_be_explained(site):
    reply = await post(site, {"extens": ["0199001234", "x"]}, explain="true")
    numbers = [result["explain"]["number"] for result in reply.json["results"]]
    assert numbers == ["+33199001234", None]


async def test_a_body_is_json_whatever_its_content_type_says(site):
    body = json.dumps({"extens": ["0199001234"]}).encode()
    reply = await site.ask(REVERSE, "POST", body=body, headers={"Content-Type": "text/plain"})
    assert reply.json["results"][0]["source"] == "staff"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"extens=1", b"\xff", b"[" * 100_000, b'{"extens": [' + b"9" * 5000 + b"]}"]
)
async def test_a_body_that_is_not_json_is_a_400(site, body):
    reply = await post(site, body)
    assert (reply.status, reply.json) == (400, {"message": "the body is not JSON"})


@pytest.mark.parametrize(
    "body",
    [None, [], ["0199001234"], "0199001234", 1, {}, {"exten": ["1"]}, {"extens": None}]
    + [{"extens": wrong} for wrong in ("1", {"1": "2"}, [1], ["1", None], [["1"]])],
)
async def test_a_body_without_a_list_of_texts_is_a_400(site, body):
    reply = await post(site, body)
    assert reply.status == 400
    assert reply.json["error_id"] == "invalid-data"
    problem = {"message": "must be a list of texts", "constraint_id": "type", "constraint": "list"}
    assert reply.json["details"] == {"extens": problem}


async def test_more_than_a_thousand_numbers_are_a_400(site):
    reply = await post(site, {"extens": ["1"] * 1001})
    assert reply.status == 400
    problem = {
        "message": "must be at most 1000 at once",
        "constraint_id": "length",
        "constraint": {"max": 1000},
    }
    assert reply.json["details"] == {"extens": problem}


async def test_a_body_of_more_than_a_mebibyte_is_a_413_in_json(site):
    reply = await post(site, b" " * (1024 * 1024 + 1))
    assert reply.status == 413
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json == {"message": "the body is too large"}


async def test_a_body_that_cannot_be_unpacked_is_a_400(site):
    reply = await site.ask(REVERSE, "POST", body=b"not gzip", headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.json) == (400, {"message": "the body cannot be decoded"})


async def test_many_numbers_for_an_unknown_profile_are_a_404(site):
    reply = await post(site, {"extens": ["1"]}, "/0.1/directories/reverse/nope/u")
    assert reply.status == 404
    assert reply.json["status_code"] == 404
