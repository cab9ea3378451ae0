"""Draw what smaller files cost for docs/smaller.md: ``picture_smaller.py``.

Digits of scikit-learn; five networks are trained and made smaller, a minute.
"""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert
from scipy.special import log_softmax


ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reproductions.digits import WIDTHS, Digits, digits, logits, trained  # noqa: E402
from reproductions.networks import mlp  # noqa: E402
from trueup.adapters.network import Network  # noqa: E402
from trueup.parameters import GPTQ, Compensate, Prune, Quantise  # noqa: E402


FOLDER = ROOT / "docs" / "images"
ACCENT, INK, MUTED, PAPER = "#1b5fb8", "#1d2228", "#6b737b", "#ffffff"
SHADES = {
    "nearest level": MUTED, "GPTQ": ACCENT, "nearest level and factors (EoRA)": INK,
    "pruned (SparseGPT)": "#c2571a",
}  # fmt: skip
MARGIN, SEEDS = 0.02, 5
MOST = 0.2
"""Rises of the log loss above it are drawn there."""


def loss(weights, rows: Digits) -> float:
    """Mean log loss."""
    said = log_softmax(logits({name: weights[name] for name in weights}, rows), axis=1)
    return float(-said[np.arange(len(rows)), rows.y].mean())


def smaller(net: Network, seen: np.ndarray):
    """Name of a method and packed weights."""
    for bits in (8, 6, 5, 4, 3, 2):
        plain = Quantise(bits).fit(net)
        yield "nearest level", plain
        yield "GPTQ", Quantise(bits, rounding=GPTQ()).fit(net, seen)
        yield "nearest level and factors (EoRA)", Compensate(rank=4).fit(plain, net, inputs=seen)
    for share in (0.3, 0.5, 0.6, 0.7, 0.8):
        yield "pruned (SparseGPT)", Prune(share, criterion="sparsegpt").fit(net, seen)


def measured() -> list[dict]:
    """Size and rise of the log loss, a row a file."""
    rows = []
    for seed in range(SEEDS):
        seen, train, test = digits(seed, 0.2, 0.45, 0.35)
        arrays = trained(train, seed=seed, epochs=40)
        net = Network.of(mlp(*WIDTHS), arrays)
        before = loss(arrays, test)
        order: dict[str, int] = {}
        for who, packed in smaller(net, seen.x):
            order[who] = order.get(who, 0) + 1
            rows.append({"who": who, "step": order[who], "size": packed.stored.bytes / 1e3,
                         "rise": loss(packed, test) - before})  # fmt: skip
    return rows


def chart() -> alt.LayerChart:
    """Means over seeds, with the margin."""
    rows = measured()
    kinds = sorted({(row["who"], row["step"]) for row in rows})
    means = []
    for who, step in kinds:
        some = [row for row in rows if (row["who"], row["step"]) == (who, step)]
        rise = float(np.mean([row["rise"] for row in some]))
        means.append({"who": who, "size": some[0]["size"], "rise": min(rise, MOST)})
    colour = alt.Color(
        "who:N", title=None, sort=[*SHADES],
        scale=alt.Scale(domain=[*SHADES], range=[*SHADES.values()]),
        legend=alt.Legend(orient="top", columns=2, labelLimit=400, labelFontSize=13),
    )  # fmt: skip
    scale = alt.Scale(type="log", domain=[7, 110], nice=False)
    x = alt.X("size:Q", title="size of the file, kB (a log scale); plain weights take 104 kB",
              scale=scale,
              axis=alt.Axis(values=[8, 12, 16, 24, 32, 48, 64, 96]))  # fmt: skip
    y = alt.Y("rise:Q", title="rise of the log loss on held-out digits",
              scale=alt.Scale(domain=[-0.01, MOST]),
              axis=alt.Axis(labelExpr=f"datum.value >= {MOST} ? '≥ {MOST}' : datum.label")
              )  # fmt: skip
    base = alt.Chart(alt.Data(values=means))
    line = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=60, filled=True))
    rule = alt.Chart(alt.Data(values=[{"margin": MARGIN}])).mark_rule(strokeDash=[5, 4], color=INK)
    text = alt.Chart(alt.Data(values=[{"margin": MARGIN, "at": 108}])).mark_text(
        align="right", dy=-8, color=INK, fontSize=13, text="what may be lost"
    )
    made = line.encode(x=x, y=y, color=colour) + rule.encode(y="margin:Q")
    return (made + text.encode(x=alt.X("at:Q", scale=scale), y="margin:Q")).properties(
        width=520, height=300
    )


def main() -> None:
    """Draw."""
    made = chart().configure(background=PAPER, font="Inter, Arial, sans-serif").configure_axis(
        labelFontSize=13, titleFontSize=13, titleFontWeight="normal", gridColor="#eceff2",
        labelColor=INK, titleColor=INK, domainColor=MUTED,
    ).configure_view(stroke=None)  # fmt: skip
    (FOLDER / "smaller.png").write_bytes(vl_convert.vegalite_to_png(made.to_json(), scale=2))


if __name__ == "__main__":
    main()
