"""Predictions for the benchmark of corrections: what a model said of rows that it has not seen.

Every set is a list of pools: probabilities and truth of rows outside the training set, with a flag
of the rows that corrections learn from. The rest judges them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB


ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TRUEUP_DATA") or ROOT.parent / "shared" / "data")
CACHE = Path(os.environ.get("TRUEUP_BENCH") or ROOT / "build" / "bench") / "quality"

MODELS: dict[str, Callable] = {
    "forest": lambda seed: RandomForestClassifier(100, random_state=seed, n_jobs=1),
    "boosting": lambda seed: HistGradientBoostingClassifier(max_iter=100, random_state=seed),
    "naive Bayes": lambda seed: GaussianNB(),
}


@dataclass(frozen=True)
class Pool:
    """Rows outside the training set: ``probs`` (n, k), ``truth`` (n,), ``learn`` (n,) flags."""

    model: str
    seed: int
    probs: np.ndarray
    truth: np.ndarray
    learn: np.ndarray


@dataclass(frozen=True)
class Table:
    """Numbers ``X``, classes ``y``; ``train`` (n,) where rows for training are known."""

    X: np.ndarray
    y: np.ndarray
    train: np.ndarray | None = None


def numbers(frame: pd.DataFrame) -> np.ndarray:
    """Columns of a frame as numbers: text by indicators, what is missing by the median."""
    wide = pd.get_dummies(frame, dtype=float).astype(float)
    return wide.fillna(wide.median()).to_numpy()


def table(path: str, target, *, drop: tuple = (), **options) -> Table:
    """A table of the shared data; ``target`` is a column, or a function of the frame."""
    frame = pd.read_csv(SHARED / "tabular" / path, **options)
    happened = target(frame) if callable(target) else frame[target]
    known = happened.notna().to_numpy()
    rest = frame.drop(columns=[*drop, *([] if callable(target) else [target])])
    return Table(numbers(rest)[known], codes(happened[known]))


def codes(values) -> np.ndarray:
    """Class codes of values."""
    return np.unique(np.asarray(values), return_inverse=True)[1]


def gusto() -> Table:
    """Death within 30 days: trained on regions 1-8, as documented, corrected for the others."""
    frame = pd.read_parquet(SHARED / "tabular" / "gusto" / "data.parquet")
    drop = ["day30", "sho", "regl", "grpl", "grps", "tpa", "tx"]
    near = (frame["regl"].astype(int) <= 8).to_numpy()
    return Table(numbers(frame.drop(columns=drop)), codes(frame["day30"]), near)


def breast() -> Table:
    """Recurrence within three years: trained in Rotterdam, corrected for the GBSG trial."""
    near = pd.read_csv(SHARED / "tabular/survival_a/survival__rotterdam.csv")
    far = pd.read_csv(SHARED / "tabular/survival_a/survival__gbsg.csv")
    near = near.assign(days=near["rtime"], status=near["recur"], train=1)
    far = far.assign(days=far["rfstime"], train=0)
    far["size"] = pd.cut(far["size"], [0, 20, 50, 999], labels=["<=20", "20-50", ">50"]).astype(str)
    both = pd.concat([near, far])
    both = both[(both["status"] == 1) | (both["days"] > 1095)]
    happened = (both["status"] == 1) & (both["days"] <= 1095)
    used = ["age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"]
    return Table(numbers(both[used]), codes(happened), (both["train"] == 1).to_numpy())


def within(days: float, time: str, event: str) -> Callable:
    """Whether something happened within ``days``; NaN where nobody knows."""

    def happened(frame: pd.DataFrame) -> pd.Series:
        early = frame[time] <= days
        return pd.Series(np.where(early & (frame[event] == 0), np.nan, early), frame.index)

    return happened


def rings(frame: pd.DataFrame) -> pd.Series:
    """Rings of an abalone in three classes of about equal size."""
    return pd.cut(frame[8], [0, 8, 10, 99], labels=False)


def scores(name: str, *keys: str) -> Callable[[], Iterator[Pool]]:
    """Kept probabilities or logits; the first half of the rows learns, as documented."""

    def pools() -> Iterator[Pool]:
        kept = np.load(SHARED / "logits" / name / "data.npz")
        truth = kept["labels"].astype(int)
        for key in keys or ("probs",):
            said = kept[key].astype(np.float64)
            if key != "probs":
                said = np.exp(said - said.max(axis=1, keepdims=True))
            said /= said.sum(axis=1, keepdims=True)
            learn = np.arange(len(said)) < len(said) // 2
            yield Pool(key if keys else "network", 0, said, truth, learn)

    return pools


def top_class() -> Iterator[Pool]:
    """Whether the top class of ImageNet is right, by the confidence in it."""
    frame = pd.read_parquet(SHARED / "logits" / "imagenet_top1_conf_a" / "data.parquet")
    for name in sorted(c.removesuffix("__conf") for c in frame.columns if c.endswith("__conf")):
        p = np.clip(frame[f"{name}__conf"].to_numpy(dtype=np.float64), 0, 1)
        right = (frame[f"{name}__pred"] == frame["true_label"]).to_numpy().astype(int)
        yield Pool(name, 0, np.column_stack([1 - p, p]), right, np.arange(len(p)) < len(p) // 2)


def trained(make: Callable[[], Table], seeds: int) -> Callable[[], Iterator[Pool]]:
    """Half of the rows (or those documented) train each model; of the rest half learns."""

    def pools() -> Iterator[Pool]:
        data = make()
        for seed in range(seeds):
            for model, build in MODELS.items():
                yield _pool(data, model, build(seed), seed)

    return pools


def _pool(data: Table, model: str, estimator, seed: int) -> Pool:
    rows = np.arange(len(data.y))
    if data.train is None:
        near, far = train_test_split(rows, test_size=0.5, stratify=data.y, random_state=seed)
    else:
        near, far = rows[data.train], rows[~data.train]
    made = estimator.fit(data.X[near], data.y[near])
    said = np.zeros((len(far), data.y.max() + 1))
    said[:, made.classes_] = made.predict_proba(data.X[far])
    order = np.random.default_rng(seed).permutation(len(far))
    return Pool(model, seed, said, data.y[far], order < len(far) // 2)


def _shipped(load: Callable) -> Callable[[], Table]:
    return lambda: Table(*load(return_X_y=True))


ORDINAL, SURVIVAL, SMALL = "ordinal_and_classes_a", "survival_a", "jbrownlee_small"
NONE = {"header": None}

SETS: dict[str, Callable[[], Iterator[Pool]]] = {
    "cifar10 lenet5": scores("cifar10_lenet5_efs"),
    "cifar10 wrn-16-4": scores("cifar10_wideresnet164_efs"),
    "cifar10 resnets": scores("cifar10_resnet_a", "resnet20", "resnet32"),
    "cifar100 densenet": scores("cifar100_densenetbc100_efs"),
    "cifar100 lenet5": scores("cifar100_lenet5_efs"),
    "emotion llms": scores(
        "llm_emotion_mcq_a", "Llama-2-13b-hf__task_icl1", "Qwen-7B__base_icl0",
        "Llama-2-7b-hf__base_icl0",
    ),
    "imagenet top 1": top_class,
    "iris": trained(_shipped(datasets.load_iris), 6),
    "wine": trained(_shipped(datasets.load_wine), 6),
    "breast cancer": trained(_shipped(datasets.load_breast_cancer), 6),
    "digits": trained(_shipped(datasets.load_digits), 3),
    "abalone": trained(lambda: table(f"{SMALL}/abalone.csv.gz", rings, drop=(8,), **NONE), 3),
    "banknote": trained(lambda: table(f"{SMALL}/banknote_authentication.csv", 4, **NONE), 6),
    "german credit": trained(lambda: table(f"{SMALL}/german.csv", 20, **NONE), 6),
    "mammography": trained(lambda: table(f"{SMALL}/mammography.csv.gz", 6, **NONE), 3),
    "phoneme": trained(lambda: table(f"{SMALL}/phoneme.csv.gz", 5, **NONE), 3),
    "pima": trained(lambda: table(f"{SMALL}/pima-indians-diabetes.csv", 8, **NONE), 6),
    "gusto": trained(gusto, 1),
    "credit card": trained(lambda: table(f"{ORDINAL}/AER__CreditCard.csv", "card"), 6),
    "credit default": trained(lambda: table(f"{ORDINAL}/ISLR__Default.csv.gz", "default"), 3),
    "poverty": trained(lambda: table(f"{ORDINAL}/carData__WVS.csv.gz", "poverty"), 3),
    "breast trials": trained(breast, 6),
    "mgus": trained(lambda: table(
        f"{SURVIVAL}/survival__mgus2.csv", within(60, "futime", "death"),
        drop=("id", "ptime", "pstat", "futime", "death")), 6),
    "liver": trained(lambda: table(
        f"{SURVIVAL}/survival__pbc.csv", within(1826, "time", "status"),
        drop=("id", "time", "status")), 6),
}  # fmt: skip


def pools_of(name: str) -> list[Pool]:
    """The pools of a set; models are trained once and what they said is kept."""
    kept = CACHE / f"{name.replace(' ', '_')}.npz"
    if kept.exists():
        with np.load(kept) as found:
            count = len(found["models"])
            return [
                Pool(str(found["models"][i]), int(found["seeds"][i]),
                     *(found[f"{part}{i}"] for part in ("probs", "truth", "learn")))
                for i in range(count)
            ]  # fmt: skip
    made = list(SETS[name]())
    CACHE.mkdir(parents=True, exist_ok=True)
    arrays = {f"{part}{i}": getattr(pool, part) for i, pool in enumerate(made)
              for part in ("probs", "truth", "learn")}  # fmt: skip
    np.savez(kept, models=[p.model for p in made], seeds=[p.seed for p in made], **arrays)
    return made
