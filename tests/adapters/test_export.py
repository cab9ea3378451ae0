"""Every correction leaves in every format as the same function, or does not leave."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import subprocess
import sys

import numpy as np
import onnx
import pytest

from adapters.formulas import (
    cases,
    formula,
    number_formula,
    number_formulas,
    of_every_node,
    of_later_nodes,
)
from trueup.adapters import check
from trueup.adapters import formula as formula_room
from trueup.adapters.export import TARGETS, exported
from trueup.adapters.formula import Formula
from trueup.core import expressions
from trueup.core.errors import EvidenceError, MissingPackage, TrueupError, UsageError
from trueup.core.expressions import OPS, Apply, Expr, Input, Scaled, operate


ROOMS = {**{to: target.room for to, target in TARGETS.items()}, "torch": "steps"}


def kinds_of_nodes(base: type = Expr) -> set[type]:
    """All final kinds of nodes of the core."""
    found = {k for k in base.__subclasses__() if k.__module__.startswith("trueup.core")}
    every = found.union(*(kinds_of_nodes(kind) for kind in found))
    return {kind for kind in every if not inspect.isabstract(kind)}


@pytest.mark.parametrize("room", ROOMS.values())
def test_every_node_and_operation_has_a_row(room):
    module = importlib.import_module(f"trueup.adapters.{room}")
    known = {Apply} | {v for v in vars(expressions).values() if isinstance(v, type)}
    assert kinds_of_nodes() <= known | {expressions.Pick}
    assert set(module.NODES) == kinds_of_nodes()
    assert set(getattr(module, "OPERATIONS", OPS)) == set(OPS)


@pytest.mark.parametrize("to", TARGETS)
def test_a_node_without_a_row_is_an_error(to):
    class Strange(Scaled):
        pass

    made = Formula(Strange(Input("probs"), 1.0), ("p",), True, ("0", "1"), "strange")
    with pytest.raises(UsageError, match=rf"export to {to}: there is no way to write Strange"):
        exported(made, to)


def test_an_operation_without_a_row_is_an_error(monkeypatch):
    monkeypatch.setitem(OPS, "cube_root", OPS["exp"])
    made = Formula(operate("cube_root", Input("probs")), ("p",), True, ("0", "1"), "strange")
    with pytest.raises(UsageError, match="no way to write operation 'cube_root'"):
        exported(made, "python")


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize(("name", "kind"), cases())
def test_every_correction_is_the_same_function(name, kind, to):
    checked = exported(formula(name, kind), to).checked
    assert checked.rows > 300
    assert checked.difference < 1e-12


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize(("event", "k"), [(True, 2), (False, 2), (False, 4)])
def test_every_node_is_the_same_function(event, k, to):
    checked = exported(of_every_node(event=event, k=k), to).checked
    assert checked.rows > 300
    assert checked.difference < 1e-12


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize(("name", "kind"), number_formulas())
def test_every_correction_of_numbers_is_the_same_function(name, kind, to):
    checked = exported(number_formula(name, kind), to).checked
    assert checked.rows > 300
    assert checked.difference < 1e-12


@pytest.mark.parametrize("to", TARGETS)
def test_order_roots_and_limits_are_the_same_function(to):
    assert exported(of_later_nodes(), to).checked.difference < 1e-12


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
@pytest.mark.parametrize(("name", "kind"), [
    ("Monotone", "quantiles"), ("EMOS", "ensemble"), ("ConformalShift", "intervals"),
    ("SpreadScaling", "normal"), ("QuantileMapping", "points"),
])  # fmt: skip
def test_other_dialects_correct_numbers_the_same(name, kind, dialect):
    checked = exported(number_formula(name, kind), "sql", dialect=dialect).checked
    assert checked.rows > 300
    assert checked.difference < 1e-12


def test_spark_sorts_by_words_of_its_own():
    text = exported(number_formula("Monotone", "quantiles"), "sql", dialect="spark").content
    assert "sort_array(array(" in text and "list_sort" not in text


@pytest.mark.parametrize(("name", "kind"), number_formulas())
def test_float32_graphs_of_numbers_are_near(name, kind):
    checked = exported(number_formula(name, kind), "onnx", kind=np.float32).checked
    assert checked.rows > 300
    assert checked.difference < 1e-3


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
@pytest.mark.parametrize(("name", "kind"), [case for case in cases() if case[1] != "hundred"])
def test_other_dialects_are_the_same_function(name, kind, dialect):
    checked = exported(formula(name, kind), "sql", dialect=dialect).checked
    if (name, dialect) == ("AutomaticCalibration", "postgres"):
        assert not checked.rows and "lateral steps" in checked.by  # and that is said
        return
    assert checked.rows > 300
    assert checked.difference < 1e-12


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_other_dialects_know_every_node(dialect):
    assert exported(of_every_node(event=False, k=3), "sql", dialect=dialect).checked.rows > 300


@pytest.mark.parametrize("to", TARGETS)
def test_rows_are_normalized_where_the_audit_was_told_to(to):
    checked = exported(formula("TemperatureScaling", "three", normalize=True), to).checked
    assert checked.rows > 300
    assert checked.difference < 1e-12


@pytest.mark.parametrize(("name", "kind"), [case for case in cases() if case[1] != "hundred"])
def test_float32_graphs_are_near(name, kind):
    checked = exported(formula(name, kind), "onnx", kind=np.float32).checked
    assert checked.rows > 300
    assert checked.difference < 1e-5


def test_hard_rows_hold_what_is_hard():
    made = formula("IsotonicCalibration", "event")
    rows, _ = check.hard_rows(made)
    p = rows[:, 0]
    for value in (0.0, 1.0, 0.5, 1e-13, 1 - 1e-13, 1.5, -0.1):
        assert (p == value).any(), value
    assert np.isnan(p).sum() == 1
    edges = formula("IsotonicCalibration", "event").expression
    steps = next(n for n in expressions.in_order(edges) if isinstance(n, expressions.Piecewise))
    odds = np.log(p[(p > 0) & (p < 1)]) - np.log1p(-p[(p > 0) & (p < 1)])
    assert all(np.abs(odds - edge).min() < 1e-9 for edge in steps.edges)
    classes, _ = check.hard_rows(formula("IsotonicCalibration", "three"))
    assert (classes == 1 / 3).all(axis=1).any() and (classes == np.eye(3)[1]).all(axis=1).any()


def test_what_differs_is_not_written():
    made = formula("TemperatureScaling", "event")
    other = dataclasses.replace(made, expression=Scaled(made.expression, 1.0 + 1e-5))
    with pytest.raises(TrueupError, match=r"export: by gives .* this library gives .* Nothing was"):
        check.verified(made, other, by="by")
    assert check.verified(made, made, by="by").difference == 0
    missing = dataclasses.replace(made, normalize=True)  # 0 sums to nothing
    with pytest.raises(TrueupError, match=r"gives \[nan\] for .* Nothing was written"):
        check.verified(made, missing, by="by")


def test_a_step_may_fall_on_either_side_only_on_its_edge():
    made = formula("IsotonicCalibration", "event")
    moved = lambda probs: made(probs * (1 - 1e-15))  # noqa: E731
    assert check.verified(made, moved, by="by").difference < 1e-9
    far = lambda probs: made(probs * (1 - 1e-6))  # noqa: E731
    with pytest.raises(TrueupError, match="Nothing was written"):
        check.verified(made, far, by="by")


def test_sql_says_what_it_is_and_knows_no_other_column():
    text = exported(of_every_node(event=True, k=2), "sql", table='my."t"').content
    comments = [line for line in text.splitlines() if line.startswith("--")]
    assert comments[0].startswith("-- made up, a correction of predicted probabilities of x")
    assert "DROP" in comments[0] and "DROP" not in text.split("\n", 1)[1]
    assert 'FROM my."t" AS t' in text and '"p_corrected"' in text
    with pytest.raises(UsageError, match=r"there is no dialect 'oracle'. Use duckdb, spark"):
        exported(formula("TemperatureScaling", "event"), "sql", dialect="oracle")


def test_spark_is_written_and_says_that_it_was_not_run_here():
    made = exported(formula("TemperatureScaling", "three"), "sql", dialect="spark")
    assert '`p "0"_corrected`' in made.content and "STRING" not in made.content
    assert "not verified: no spark here" in str(made.checked)


def test_a_graph_names_what_it_reads():
    made = exported(of_every_node(event=False, k=3), "onnx")
    model = onnx.load_from_string(made.content)
    words = {prop.key: prop.value for prop in model.metadata_props}
    assert json.loads(words["columns"]) == {
        "probs": ["p_0", "p_1", "p_2"], "the group": ["the group"], "features": ["f 1", "class"],
    }  # fmt: skip
    assert words["method"] == "made up" and json.loads(words["classes"]) == ["a", "b", "c"]
    kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    assert kinds == {"probs": onnx.TensorProto.DOUBLE, "the group": onnx.TensorProto.STRING,
                     "features": onnx.TensorProto.DOUBLE}  # fmt: skip
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 18), ("ai.onnx.ml", 3)]
    rows = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert rows.dim_param == "rows"


def test_the_python_file_needs_numpy_alone(tmp_path):
    made = exported(formula("BetaCalibration", "three"), "python")
    (tmp_path / "fix.py").write_text(made.content, encoding="utf-8")
    compile(made.content, "fix.py", "exec")
    assert not [word for word in ("eval(", "exec(", "import trueup") if word in made.content]
    code = (
        "import sys, numpy as np, fix; print(fix.correct([[.2, .3, .5], [np.nan, .5, .5]]).shape,"
        "[m for m in sys.modules if m.startswith('trueup')])"
    )
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {code}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 3) []"


@pytest.mark.parametrize(("probs", "message"), [
    ([0.2, 3.0], r"probs outside \[0, 1\]: pass probabilities, not logits"),
    ([[0.2, 0.8]], r"probs must have shape \(n, 3\); got \(1, 2\)"),
    ([[0.2, 0.8, 0.5]], "rows of probs must sum to one"),
], ids=["logits", "columns", "sum"])  # fmt: skip
def test_the_python_file_refuses_what_the_library_refuses(probs, message, tmp_path):
    kind = "event" if np.ndim(probs) == 1 else "three"
    text = exported(formula("TemperatureScaling", kind), "python").content
    path = tmp_path / f"fix_{kind}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("fix", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(ValueError, match=message):
        module.correct(probs)


def test_strangers_and_missing_groups_get_the_last_option():
    made = of_every_node(event=True, k=2)
    rows = np.array([[0.3]] * 3)
    out = made(rows, **{"the group": np.array(["new", None, "a"], dtype=object),
                        "features": np.zeros((3, 2))})[:, 0]  # fmt: skip
    assert out[0] == out[1] != out[2]


BAD_JSON = {
    "another file": ("{}", "this is no exported correction"),
    "no json": ("SELECT 1", "this is no exported correction"),
    "a list": ("[]", "this is no exported correction"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_json_refuses_other_files(case):
    from trueup.adapters.json import from_json

    text, message = BAD_JSON[case]
    with pytest.raises(EvidenceError, match=message):
        from_json(text)


@pytest.mark.parametrize(("change", "kind", "message"), [
    ({"version": 9}, UsageError, "the file has version 9, this version reads 1, 2"),
    ({"output": 99}, EvidenceError, "this is no exported correction"),
    ({"nodes": [{"kind": "Apply", "parents": [], "op": "system"}]}, EvidenceError, "'system'"),
    ({"nodes": [{"kind": "Pick", "parents": [5], "columns": [0]}]}, EvidenceError, "parents"),
    ({"nodes": [{"kind": "Popen", "parents": []}]}, EvidenceError, "Popen"),
])  # fmt: skip
def test_json_refuses_what_is_no_expression(change, kind, message):
    from trueup.adapters.json import from_json

    body = json.loads(exported(formula("TemperatureScaling", "event"), "json").content)
    with pytest.raises(kind, match=message):
        from_json(json.dumps(body | change))


@pytest.mark.parametrize("kind", ["event", "three"])
def test_json_keeps_to_its_schema_and_an_interpreter_of_its_own_agrees(kind):
    import importlib.resources

    import jsonschema

    text = importlib.resources.files("trueup.adapters").joinpath("expression-1.json")
    schema = json.loads(text.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {row["properties"]["kind"]["const"] for row in
            schema["properties"]["nodes"]["items"]["oneOf"]} == {
                k.__name__ for k in kinds_of_nodes()} - {"Above", "AtLeast", "Sorted"}  # fmt: skip
    for made in (formula("BetaCalibration", kind), formula("IsotonicCalibration", kind),
                 of_every_node(event=kind == "event", k=2 if kind == "event" else 3)):  # fmt: skip
        body = json.loads(exported(made, "json").content)
        jsonschema.validate(body, schema)
        for sample in body["samples"]:
            assert interpreted(body, sample) == pytest.approx(sample["corrected"], abs=1e-12)


def test_json_of_forecasts_keeps_to_the_second_schema():
    import importlib.resources

    import jsonschema

    text = importlib.resources.files("trueup.adapters").joinpath("expression-2.json")
    schema = json.loads(text.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {row["properties"]["kind"]["const"] for row in
            schema["properties"]["nodes"]["items"]["oneOf"]} == {
                k.__name__ for k in kinds_of_nodes()}  # fmt: skip
    operations = schema["properties"]["nodes"]["items"]["oneOf"][0]["properties"]["op"]["enum"]
    assert set(operations) == set(OPS)
    for made in (number_formula("Monotone", "quantiles"), number_formula("EMOS", "ensemble"),
                 number_formula("QuantileMapping", "points"), of_later_nodes()):  # fmt: skip
        body = json.loads(exported(made, "json").content)
        jsonschema.validate(body, schema)
        assert (body["version"], body["outputs"]) == (2, list(made.outputs))
        for sample in body["samples"]:
            assert interpreted(body, sample) == pytest.approx(sample["corrected"], abs=1e-9)


def interpreted(body: dict, row: dict) -> list[float]:
    """One row by plain Python numbers: what a reader in another language would do."""
    import bisect
    import math

    def two(f, a, b):
        wide = max(len(a), len(b))
        return [f(x, y) for x, y in zip(a * (wide // len(a)), b * (wide // len(b)), strict=True)]

    ops = {
        "add": lambda a, b: two(lambda x, y: x + y, a, b),
        "subtract": lambda a, b: two(lambda x, y: x - y, a, b),
        "multiply": lambda a, b: two(lambda x, y: x * y, a, b),
        "divide": lambda a, b: two(lambda x, y: x / y, a, b),
        "exp": lambda a: [math.exp(min(x, 700.0)) for x in a],
        "log": lambda a: [math.log(max(x, 1e-300)) for x in a],
        "softplus": lambda a: [max(x, 0.0) + math.log1p(math.exp(-abs(x))) for x in a],
        "log_odds": lambda a: [x - math.log(max(-math.expm1(x), 1e-12)) for x in a],
        "log_prob": lambda a: [math.log(max(x, 1e-12)) for x in a],
        "greatest": lambda a, b: two(max, a, b),
        "least": lambda a, b: two(min, a, b),
        "sqrt": lambda a: [math.sqrt(max(x, 0.0)) for x in a],
        "log_rest": lambda a: [math.log(max(1.0 - x, 1e-12)) for x in a],
    }

    def piecewise(node, x):
        edges, piece = node["edges"], bisect.bisect_right(node["edges"], x)
        start = edges[max(piece - 1, 0)] if edges else 0.0
        value = 0.0
        for coefficient in reversed(node["pieces"][piece]):
            value = value * (x - start) + coefficient
        return [value]

    def place(names, key):
        return names.index(key[0]) if key[0] in names else len(names)

    done: list = []
    for node in body["nodes"]:
        x = [done[i] for i in node["parents"]]
        done.append({
            "Input": lambda n, x: row[n["name"]],
            "Key": lambda n, x: row[n["name"]],
            "Pick": lambda n, x: [x[0][j] for j in n["columns"]],
            "Join": lambda n, x: [v for part in x for v in part],
            "Scaled": lambda n, x: [
                v * a + b for v, a, b in zip(x[0], n["scale"], n["shift"], strict=True)],
            "Linear": lambda n, x: [
                sum(w * v for w, v in zip(r, x[0], strict=True)) + b
                for r, b in zip(n["weight"], n["shift"], strict=True)],
            "Sorted": lambda n, x: sorted(x[0]),
            "Total": lambda n, x: [max(x[0]) if n["greatest"] else sum(x[0])],
            "Apply": lambda n, x: ops[n["op"]](*x),
            "Piecewise": lambda n, x: piecewise(n, x[0][0]),
            "Choose": lambda n, x: x[1 + place(n["names"], x[0])],
            "Lookup": lambda n, x: n["values"][place(n["names"], x[0])],
        }[node["kind"]](node, x))  # fmt: skip
    return done[body["output"]]


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackage, match=r"the package onnx is not .*\"trueup\[onnx\]\""):
        exported(formula("TemperatureScaling", "event"), "onnx")


def test_without_an_engine_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    made = exported(formula("TemperatureScaling", "event"), "onnx")
    assert str(made.checked) == "not verified: onnxruntime is not installed"


def test_bad_formats_and_options():
    made = formula("TemperatureScaling", "event")
    with pytest.raises(UsageError, match=r"there is no format 'pmml'. Use sql, onnx, json, python"):
        exported(made, "pmml")
    with pytest.raises(UsageError, match=r"json takes no 'table'. Its options: none"):
        exported(made, "json", table="t")


def test_a_proof_is_one_sentence():
    assert formula_room.proof_sentence({}) == ""


@pytest.mark.parametrize("name", ["class", "good", "probs_", "scaled_3", "x y", "np", 'a"""b', "é"])
def test_any_name_of_a_group_makes_a_python_file(name):
    key = expressions.Key(name, 1, (name,))
    probs = Input("probs", 2)
    chosen = expressions.Choose(key, ("a",), (probs, probs))
    hostile = ('"""\nraise SystemExit\n"""', "it's \\")
    made = Formula(chosen, (name + "0", name + "1"), False, hostile, "made up")
    assert exported(made, "python").checked.difference == 0
    assert exported(made, "sql").checked.difference == 0
