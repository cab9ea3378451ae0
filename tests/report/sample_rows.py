"""The rows of the sample documents: measures, findings, slices, corrections, series, models."""

from __future__ import annotations

from typing import Any


def estimate(value: float, *, half: float, n: int = 1797) -> dict[str, Any]:
    """Return an estimate with a symmetric interval."""
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "level": 0.95,
        "n": n,
        "how": "delete-a-group jackknife, t(118)",
    }


def measures() -> dict[str, Any]:
    return {
        "accuracy": estimate(0.8509, half=0.0165),
        "log_loss": estimate(2.665, half=0.412),
        "brier": estimate(0.2871, half=0.031),
        "auc": estimate(0.9861, half=0.0031),
        "ece": estimate(0.137, half=0.0161),
        "ece_noise_floor": estimate(0.0041, half=0.0012),
        "calibration_error_debiased": estimate(0.1365, half=0.0163),
        "calibration_p_value": {
            "value": 1e-42,
            "low": None,
            "high": None,
            "level": 0.95,
            "n": 1797,
            "how": "chi-squared, 15 bins",
        },
        "classwise_ece": estimate(0.0283, half=0.0031),
        "corp_miscalibration": estimate(0.1302, half=0.014),
        "corp_discrimination": estimate(0.7431, half=0.021),
        "corp_uncertainty": estimate(0.9000, half=0.0008),
    }


def findings() -> list[dict[str, Any]]:
    return [
        {
            "id": "overconfident",
            "severity": "high",
            "estimate": estimate(-0.137, half=0.0161),
            "sentence": "It states 98.8% confidence on average and is right in 85.1% of cases.",
            "picture": "reliability",
        },
        {
            "id": "bad_slice",
            "severity": "high",
            "estimate": estimate(-0.243, half=0.041, n=301),
            "sentence": "On camera = C0 in dim light it promises 24 points more than it delivers.",
            "picture": "slices",
        },
        {
            "id": "drift_calibration",
            "severity": "medium",
            "estimate": estimate(-0.081, half=0.026),
            "sentence": "Since 1 August 2026 the calibration gap is 8 points wider than before.",
            "picture": "drift:calibration",
        },
        {
            "id": "models_differ",
            "severity": "low",
            "estimate": estimate(2.538, half=0.41),
            "sentence": "LogisticRegression has a lower log loss on the same rows.",
            "picture": "models",
        },
    ]


def slices() -> list[dict[str, Any]]:
    gaps = [-0.243, -0.171, -0.149, -0.141, -0.139, -0.132, -0.128, -0.121, -0.118, -0.097]
    return [
        {
            "by": {"camera": f"C{i}"} if i % 2 else {"camera": f"C{i}", "light": "dim"},
            "n": 301 - 17 * i,
            "measure": "calibration_gap",
            "difference": estimate(gap, half=0.041 + 0.003 * i, n=301 - 17 * i),
            "q_value": 0.0002 if i < 2 else 0.08 * i,
            "flagged": i < 2,
            "observed": 0.985 + gap,
            "predicted": 0.985,
            "log_loss": 2.4 - 8 * gap,
        }
        for i, gap in enumerate(gaps)
    ]


_TRIED = [
    ("temperature", "TemperatureScaling", "proven", -2.047, 0.405, {"temperature": 5.749}),
    (
        "ensemble_temperature",
        "EnsembleTemperature",
        "proven",
        -2.041,
        0.404,
        {"weights": [0.8, 0.15, 0.05]},
    ),
    ("vector", "VectorScaling", "proven", -1.98, 0.41, {"scale": [0.2] * 10, "shift": [0.0] * 10}),
    ("isotonic", "Isotonic", "proven", -1.72, 0.47, {}),
    ("beta", "BetaCalibration", "proven", -1.95, 0.42, {"a": 0.21, "b": 0.18, "c": -0.4}),
    ("histogram", "HistogramBinning", "not_enough_evidence", -0.31, 0.52, {"bins": 15}),
    ("platt", "PlattScaling", "no_improvement", 0.06, 0.11, {"slope": 0.2, "intercept": -0.1}),
    ("identity", "do nothing", "no_improvement", 0.0, 0.0, {}),
]


def remedies() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "title": title,
            "outcome": outcome,
            "score": "log_loss",
            "sentence": f"{title}: {change:+.3f} nat.",
            "before": estimate(2.665, half=0.41),
            "after": estimate(2.665 + change, half=0.1),
            "difference": estimate(change, half=half),
            "chosen": name == "temperature",
            "parameters": parameters,
        }
        for name, title, outcome, change, half, parameters in _TRIED
    ]


def series_points(length: int, *, drop: float, level: float = -0.10) -> list[dict[str, Any]]:
    points = []
    for i in range(length):
        value = level - (drop if i > 0.6 * length else 0) + 0.012 * ((i * 7919) % 13 - 6) / 6
        month, date = i * 12 // length + 1, i * 300 // length % 28 + 1
        day = f"2026-{month:02d}-{date:02d}"
        if length <= 12:
            day = f"2026-{i + 1:02d}-01"
        points.append(
            {"at": day, "value": value, "low": value - 0.022, "high": value + 0.022, "n": 150}
        )
    return sorted(points, key=lambda point: point["at"])


_SERIES = {
    "base_rate": "Base rate",
    "score": "Average stated confidence",
    "calibration": "Calibration gap",
}


def drift() -> list[dict[str, Any]]:
    return [
        {
            "series": "base_rate",
            "label": _SERIES["base_rate"],
            "p_value": 0.62,
            "change_at": None,
            "estimate": estimate(0.002, half=0.011),
            "points": series_points(12, drop=0, level=0.42),
        },
        {
            "series": "score",
            "label": _SERIES["score"],
            "p_value": 0.31,
            "change_at": None,
            "estimate": estimate(0.004, half=0.009),
            "points": series_points(12, drop=0, level=0.95),
        },
        {
            "series": "calibration",
            "label": _SERIES["calibration"],
            "p_value": 0.0001,
            "change_at": "2026-08-01",
            "estimate": estimate(-0.081, half=0.026),
            "points": series_points(12, drop=0.08),
        },
    ]


def models() -> list[dict[str, Any]]:
    rows = [
        ("GaussianNB", 2.665, 0.41, 0.8509, 0.137),
        ("RandomForest", 0.3161, 0.018, 0.9733, 0.2028),
        ("LogisticRegression", 0.1269, 0.022, 0.9694, 0.0157),
    ]
    return [
        {
            "model": name,
            "primary": name == "GaussianNB",
            "measures": {
                "log_loss": estimate(loss, half=half),
                "accuracy": estimate(accuracy, half=0.011),
                "ece": estimate(ece, half=0.008),
            },
        }
        for name, loss, half, accuracy, ece in rows
    ]


def data() -> dict[str, Any]:
    return {
        "roles": {
            "truth": "digit",
            "probs": [f"p{i}" for i in range(10)],
            "by": ["camera", "light"],
            "time": "date",
            "cluster": "writer",
            "weight": None,
            "model": None,
        },
        "checks": [
            {
                "id": "data_nulls",
                "severity": "low",
                "sentence": "12 rows have no truth and were left out.",
                "count": 12,
            },
            {
                "id": "data_sums",
                "severity": "ok",
                "sentence": "All probabilities sum to one.",
                "count": 0,
            },
            {
                "id": "data_duplicates",
                "severity": "medium",
                "sentence": "31 keys occur more than once.",
                "count": 31,
            },
        ],
    }


def how() -> list[dict[str, str]]:
    return [
        {
            "label": "Error bars",
            "text": "Delete-a-group jackknife over 128 groups of writers, Student t.",
        },
        {
            "label": "Calibration error",
            "text": "15 equal-width bins of the top confidence; reported beside "
            "its noise floor because it is never zero.",
        },
        {
            "label": "Slices",
            "text": "All single columns and pairs; q-value by Benjamini and Hochberg.",
        },
        {
            "label": "Corrections",
            "text": "Chosen by cross-fitting over groups; proven on rows used for neither.",
        },
    ]
