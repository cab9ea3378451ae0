"""Nothing generated is stale, no name is a ghost, no public name is bare, imports stay light."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import trueup


ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("adapters", "calibration", "core", "error", "forecast", "parameters", "variance", "worlds")


def in_fresh_python(code: str) -> str:
    """Output of ``code`` in a Python of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_generated_files_are_what_the_cards_say():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "index.py", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", trueup.__all__)
def test_every_public_name_resolves(name):
    assert getattr(trueup, name) is not None and name in dir(trueup)


def test_a_ghost_name_is_an_error():
    with pytest.raises(AttributeError, match="module 'trueup' has no attribute 'measures'"):
        _ = trueup.measures


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_documented(room):
    module = importlib.import_module(f"trueup.{room}")
    names = [
        n for n, v in vars(module).items() if not n.startswith("_") and not inspect.ismodule(v)
    ]
    for name in names:
        found = getattr(module, name)
        kind = found if inspect.isclass(found) or inspect.isfunction(found) else type(found)
        assert (inspect.getdoc(kind) or "").split(), f"{room}.{name}"
    assert module.__doc__


@pytest.mark.parametrize("room", ["adapters", "calibration", "core", "error", "worlds"])
def test_every_public_function_and_class_of_a_file_is_documented(room):
    package = importlib.import_module(f"trueup.{room}")
    bare = []
    for info in pkgutil.walk_packages(package.__path__, f"trueup.{room}."):
        module = importlib.import_module(info.name)
        assert module.__doc__, info.name
        for name, found in vars(module).items():
            own = getattr(found, "__module__", "") == info.name
            callable_ = inspect.isclass(found) or inspect.isfunction(found)
            if own and callable_ and not name.startswith("_") and not found.__doc__:
                bare.append(f"{info.name}.{name}")
    assert not bare


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda p: p.stem)
def test_no_room_imports_another(path):
    """Arrows go one way: a question never imports another question, core imports no room."""
    parts = path.relative_to(ROOT / "src" / "trueup").parts
    questions = {"calibration", "variance", "error", "forecast", "parameters"}
    imported = set(re.findall(r"^\s*(?:from|import) trueup\.(\w+)", path.read_text("utf-8"), re.M))
    if parts[0] in questions:
        assert not imported & (questions - {parts[0]} | {"audit", "cli", "report"})
    if parts[0] == "core":
        assert not imported & (questions | {"audit", "cli", "report", "worlds", "adapters"})


def test_import_is_light():
    heavy = ("torch", "sklearn", "scipy", "pandas", "polars", "pyarrow", "duckdb", "numpy")
    code = f"import sys, trueup; print([m for m in {heavy!r} if m in sys.modules])"
    assert in_fresh_python(code) == "[]"


def test_adapters_are_imported_when_they_are_used():
    heavy = ("torch", "sklearn", "onnx", "onnxruntime", "duckdb")
    code = (
        f"import sys, trueup as tu; tu.adapters; print([m for m in {heavy!r} if m in sys.modules])"
    )
    assert in_fresh_python(code) == "[]"
    code = "import trueup as tu; print(tu.adapters.sklearn.Corrected.__name__, dir(tu.adapters))"
    assert in_fresh_python(code).startswith("Corrected ['export', 'formula', 'json', 'onnx'")


def test_a_ghost_adapter_is_an_error():
    with pytest.raises(AttributeError, match=r"module 'trueup.adapters' has no attribute 'excel'"):
        _ = trueup.adapters.excel


def test_measuring_imports_neither_frames_nor_networks():
    heavy = ("torch", "sklearn", "pandas", "polars", "pyarrow")
    code = (
        "import sys, trueup as tu; e = tu.worlds.calibrated(100).evidence; tu.measure(e, 'brier');"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    assert in_fresh_python(code) == "[]"


def test_library_prints_nothing_and_has_no_global_random_state():
    offences = re.compile(r"^\s*print\(|np\.random\.(?!default_rng|Generator|SeedSequence)", re.M)
    files = [p for p in (ROOT / "src").rglob("*.py") if "cli" not in p.parts]
    assert [str(p) for p in files if offences.search(p.read_text("utf-8"))] == []


def test_version_is_that_of_the_project():
    assert f'version = "{trueup.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
