"""What every method file must look like, and how many checks are excused."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import trueup
from trueup.core.cards import read_cards


PACKAGE = Path(trueup.__file__).parent
CARDS = read_cards()
EXCUSES = 18
"""Contract checks that cards excuse; a new one needs a reason and a change of this number."""

CHECKS = (
    "interval",
    "one row",
    "leaves what is already perfect",
    "row order without keys",
    "weights equal repeats",
)
LONGEST_MODULE, LONGEST_FUNCTION, MOST_POSITIONAL = 300, 60, 2

each_card = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


def tree(card) -> ast.Module:
    """The parsed file of a card."""
    return ast.parse(source(card).read_text(encoding="utf-8"))


def source(card) -> Path:
    """The file of a card."""
    return PACKAGE.parent / Path(*card.module.split(".")).with_suffix(".py")


def test_excuses_are_counted(record_property, capsys):
    made = [f"{c.name}: {check}: {why}" for c in CARDS for check, why in c.excused.items()]
    record_property("excuses", len(made))
    with capsys.disabled():
        print(f"\n{len(made)} contract checks are excused:", *made, sep="\n  ")
    assert len(made) == EXCUSES
    assert all(
        check.split(":")[0] in CHECKS and why for c in CARDS for check, why in c.excused.items()
    )


def test_names_are_unique():
    names = [name for card in CARDS for name in card.public]
    assert len(names) == len(set(names)) and len({c.module for c in CARDS}) == len(CARDS)


@each_card
def test_card_says_what_one_must_know(card):
    assert card.summary and card.paper and card.not_for and card.cost
    assert not card.summary.endswith(".") and len(card.summary) <= 100
    assert all(isinstance(number, int) and number > 0 for number in card.mission)


@each_card
def test_one_literal_card_a_file(card):
    cards = [
        node for node in ast.walk(tree(card))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Card"
    ]  # fmt: skip
    assert len(cards) == 1 and not cards[0].args
    assert all(ast.literal_eval(word.value) is not None for word in cards[0].keywords)


@each_card
def test_card_agrees_with_its_place_and_its_object(card):
    module = importlib.import_module(card.module)
    assert card.module.startswith(f"trueup.{card.question}.{card.family}.")
    room = importlib.import_module(f"trueup.{card.question}")
    for name in card.public:
        assert getattr(room, name) is getattr(module, name)


@each_card
def test_docstrings_have_examples_that_run(card):
    module = importlib.import_module(card.module)
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert found and module.__doc__
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert all(runner.run(test).failed == 0 for test in found)


@each_card
def test_public_objects_are_documented(card):
    module = importlib.import_module(card.module)
    for name in card.public:
        found = getattr(module, name)
        text = inspect.getdoc(found if inspect.isclass(found) else type(found))
        assert text and text.splitlines()[0].endswith("."), name


@each_card
def test_sizes_of_the_house(card):
    assert len(source(card).read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
    functions = [n for n in ast.walk(tree(card)) if isinstance(n, ast.FunctionDef)]
    long = [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION]
    assert not long


@each_card
def test_core_methods_have_an_oracle(card):
    """A method is three files; without an independent oracle it is emerging."""
    folder = Path(__file__).parents[1] / "oracles" / card.question
    oracle = folder / f"test_{source(card).stem}.py"
    assert card.status == "emerging" or oracle.exists(), oracle.name


@each_card
def test_public_calls_take_two_positional_arguments_at_most(card):
    """Methods fixed by an abstract class (``learn``) and private functions are free."""
    module = importlib.import_module(card.module)
    for name in card.public:
        found = getattr(module, name)
        calls = [found.fit] if inspect.isclass(found) and hasattr(found, "fit") else []
        calls += [found.__call__] if callable(found) and not inspect.isclass(found) else []
        for call in calls:
            kinds = [
                p.kind for p in inspect.signature(call).parameters.values() if p.name != "self"
            ]
            assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= MOST_POSITIONAL
