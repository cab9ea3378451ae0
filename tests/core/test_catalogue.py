"""Cards are read from the source, and found by what people ask for."""

import sys

import pytest

from trueup.core import Card, read_cards, search
from trueup.core.cards import QUESTIONS, all_cards


def test_reading_runs_no_file(tmp_path):
    room = tmp_path / "room" / "family"
    room.mkdir(parents=True)
    text = 'raise SystemExit("run")\nCARD = Card(name="M", question="error", family="family",\n'
    (room / "m.py").write_text(f'"""M."""\n{text}    summary="s", paper="p", claims=("c",))\n')
    (room / "plain.py").write_text("CARDS = 1\n")
    (card,) = read_cards(tmp_path / "room")
    assert (card.name, card.module, card.claims) == ("M", "room.family.m", ("c",))
    assert "room" not in sys.modules


def test_a_card_must_be_a_literal(tmp_path):
    (tmp_path / "m.py").write_text(
        '"""M."""\nCARD = Card(name=str(1), question="error", family="f", summary="s", paper="p")\n'
    )
    with pytest.raises(ValueError, match="malformed"):
        read_cards(tmp_path)


def test_cards_are_read_once():
    assert all_cards() is all_cards() and list(all_cards()) == read_cards()
    assert {card.question for card in all_cards()} <= set(QUESTIONS)


@pytest.mark.parametrize(("words", "names"), [
    ("overconfident", {"TemperatureScaling", "confidence_gap", "calibration_slope"}),
    ("over-confident model", {"TemperatureScaling", "confidence_gap", "calibration_slope"}),
    ("temperature", {"TemperatureScaling", "EnsembleTemperatureScaling"}),
    ("Platt", {"PlattScaling"}),
    ("isotonic", {"IsotonicCalibration"}),
    ("rank events", {"auc"}),
    ("p-value", {"calibration_test"}),
    ("Kull", {"BetaCalibration"}),
    ("expected calibration error", {"ece"}),
    ("wrong base rate", {"PlattScaling"}),
    ("mean absolute error", {"mae"}),
])  # fmt: skip
def test_search_finds_what_people_ask_for(words, names):
    assert search(read_cards(), words)[0].name in names


@pytest.mark.parametrize("words", ["", "xylophone", "!!!"])
def test_search_for_nothing_finds_nothing(words):
    assert search(read_cards(), words) == []


def test_what_a_method_is_not_for_speaks_against_it():
    plain = Card("a", "error", "f", "bends curves", "p")
    refused = Card("b", "error", "f", "bends curves", "p", not_for="curves")
    assert [card.name for card in search([refused, plain], "curves")] == ["a", "b"]


def test_public_names_default_to_the_name():
    assert Card("a", "error", "f", "s", "p").public == ("a",)
    assert Card("a", "error", "f", "s", "p", exports=("b", "c")).public == ("b", "c")
