"""The reference data holds together."""

import json
from datetime import date

import pytest

from osms_seeds import reference

KINDS = {"STATE_PAID", "EXEMPT", "ON_VISIT", "DECEASED", "NONE"}
FEEDS = {"REGISTERS", "CATEGORIES"}


@pytest.mark.parametrize("kind", ["source", "category", "purpose_code"])
def test_names_and_ids(kind: str) -> None:
    """Every code is named in three languages, and no two codes share a name or an id."""
    bodies = reference.documents()[kind].values()
    for language in ("kk", "ru", "en"):
        names = [body[f"name_{language}"] for body in bodies]
        assert all(names)
        assert len(set(names)) == len(names)
    if kind != "purpose_code":
        ids = [body["id"] for body in bodies]
        assert len(set(ids)) == len(ids)
        assert min(ids) > 0


def test_nine_sources_send_registers_or_categories() -> None:
    """There are nine sources; only the State Corporation sends registers."""
    sources = reference.documents()["source"]
    assert len(sources) == 9
    assert all(set(body["feeds"]) <= FEEDS and body["feeds"] for body in sources.values())
    assert [code for code, body in sources.items() if "REGISTERS" in body["feeds"]] == [
        "state_corporation"
    ]


def test_categories_are_assigned_by_known_sources() -> None:
    """A category is of a known kind and assigned by sources that exist and send categories."""
    documents = reference.documents()
    for body in documents["category"].values():
        assert body["kind"] in KINDS
        assert body["legal_reference"]
        assert body["sources"]
        assert set(body["sources"]) <= set(documents["source"]) - {"state_corporation"}
        for field in ("valid_from", "valid_until"):
            if field in body:
                date.fromisoformat(body[field])


def test_only_the_services_feed_is_restricted() -> None:
    """What the services feed says is restricted, and nothing else is."""
    for body in reference.documents()["category"].values():
        assert body["restricted"] == (body["sources"] == ["services"])


def test_kinds_of_the_special_categories() -> None:
    """The kinds that rules depend on are the ones the law gives."""
    kind_of = {code: body["kind"] for code, body in reference.documents()["category"].items()}
    assert kind_of["reservist_training"] == "NONE"
    assert kind_of["deceased"] == "DECEASED"
    assert {code for code, kind in kind_of.items() if kind == "EXEMPT"} == {
        "serviceman",
        "special_state_body",
        "law_enforcement",
    }
    assert {code for code, kind in kind_of.items() if kind == "ON_VISIT"} == {
        "social_level_d",
        "social_level_e",
    }
    assert list(kind_of.values()).count("STATE_PAID") == 16


def test_only_deductions_and_contributions_give_cover() -> None:
    """Of the purpose codes 121 to 128 the first two give cover."""
    codes = reference.documents()["purpose_code"]
    assert list(codes) == [str(number) for number in range(121, 129)]
    assert [code for code, body in codes.items() if body["gives_cover"]] == ["121", "122"]


def test_documents_are_plain_json() -> None:
    """All bodies survive JSON, as the store keeps them."""
    documents = reference.documents()
    assert json.loads(json.dumps(documents)) == documents


def test_pairs_of_a_kind() -> None:
    """A pair is listed once for each source that may assign the category."""
    assert reference.pairs_of_kind("ON_VISIT") == (
        ("labour", "social_level_d"),
        ("labour", "social_level_e"),
    )
    assert ("education", "student") in reference.pairs_of_kind("STATE_PAID")
    assert ("science_higher_education", "student") in reference.pairs_of_kind("STATE_PAID")
