"""What do measures with intervals cost, beside point values and bootstraps of other packages?"""

from __future__ import annotations

from bench import case, has, main, peer, row, run, side_by_side, table, write


RESAMPLES = 999
FEW = 5


def intervals(file: str, science: str) -> list[dict]:
    """Eight measures with intervals beside point values and beside one bootstrap interval."""
    commands = {"trueup": case("measures_trueup", file)}
    if science:
        commands["scikit-learn"] = case("measures_sklearn", file, python=science)
    points = side_by_side(commands, threads=1, times=5)
    what = "eight measures with intervals; scikit-learn: four of them and a curve, no interval"
    rows = [row(what, points, of="inner", targets=[("cpu", 0.2)])]
    if science:
        ours = {"trueup": points["trueup"]}
        one = case("measures_bootstrap", file, RESAMPLES, "accuracy", python=science)
        few = case("measures_bootstrap", file, FEW, "auc", python=science)
        rows += [
            row(
                f"the same; SciPy: the interval of the accuracy alone, {RESAMPLES} resamples",
                ours | {"SciPy bootstrap": run(one, threads=1)},
                of="inner",
            ),
            row(
                f"the same; SciPy: the interval of the AUC alone, {FEW} resamples of the 999",
                ours | {"SciPy bootstrap": run(few, threads=1)},
                of="inner",
            ),
        ]
    return rows


def calibration(file: str, science: str, torch: str) -> list[dict]:
    """The decomposition and the ECE beside those who have them."""
    commands = {"trueup": case("measures_trueup", file)}
    if science:
        command = case("measures_decomposition", file, python=science)
        commands["model-diagnostics"] = command
    corp = side_by_side(commands, threads=1)
    what = "CORP decomposition of the Brier score; trueup: with intervals and the eight measures"
    rows = [row(what, corp, of="inner")]
    for package in ("torchmetrics", "netcal"):
        if has(torch, package):
            commands[package] = case("measures_ece", package, file, python=torch)
    commands.pop("model-diagnostics", None)
    eces = side_by_side(commands, threads=1)
    what = "ECE, 15 bins; trueup: with its interval, its noise floor and the other six"
    return [*rows, row(what, eces, of="inner")]


def agreement(rows: list[dict]) -> list[str]:
    """Sentences that put equal quantities beside each other."""
    said: dict[str, dict[str, float]] = {}
    for one in rows:
        for package, taken in one["measured"].items():
            for name, value in taken.get("values", {}).items():
                said.setdefault(name.removeprefix("corp_"), {})[package] = value
    shared = {name: by for name, by in said.items() if len(by) > 1}
    return [
        f"{name}: " + ", ".join(f"{package} {value:.7f}" for package, value in by.items()) + "."
        for name, by in shared.items()
    ]


def widths(rows: list[dict]) -> str:
    """The intervals of the accuracy."""
    found = {}
    for one in rows:
        for package, taken in one["measured"].items():
            if "accuracy" in taken.get("intervals", {}):
                found[package] = taken["intervals"]["accuracy"]
    said = [f"{package} {low:.5f} to {high:.5f}" for package, (low, high) in found.items()]
    return "95 % interval of the accuracy: " + ", ".join(said) + "."


def measure() -> None:
    """Measure and write."""
    file, science, torch = table("binary_1e6"), peer("science"), peer("torch")
    rows = intervals(file, science) + calibration(file, science, torch)
    shares = rows[0]["measured"]["trueup"]
    notes = [
        "1e6 rows of an event in memory, one thread; neither imports nor reading the file count.",
        f"Of trueup's {shares['inner_cpu']:.3f} CPU s the cube took {shares['cube_cpu']:.3f}; the "
        f"decomposition on top took {shares['decomposition_cpu']:.3f}."
        if "cube_cpu" in shares
        else "",
        *agreement(rows),
        widths(rows),
    ]
    write("measures", "Measures with intervals", rows, notes=filter(None, notes))


if __name__ == "__main__":
    main(measure)
