"""Types of numbers in checkpoints, by the names that safetensors gives them."""

from __future__ import annotations

from functools import cache

import numpy as np

from trueup.core.errors import EvidenceError


PLAIN = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16,
    "U32": np.uint32, "I32": np.int32, "U64": np.uint64, "I64": np.int64,
    "F16": np.float16, "F32": np.float32, "F64": np.float64, "C64": np.complex64,
}  # fmt: skip
SHORT = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
"""Types that NumPy knows by ``ml_dtypes`` alone."""


@cache
def dtype_of(name: str) -> np.dtype:
    """The NumPy type of a name such as ``"BF16"``."""
    if name in PLAIN:
        return np.dtype(PLAIN[name])
    if name in SHORT:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, SHORT[name]))
    raise EvidenceError(
        "weights",
        f"there is a tensor of type '{name}'",
        do=f"Convert it to one of {', '.join((*PLAIN, *SHORT))}",
    )


@cache
def name_of(dtype: np.dtype) -> str:
    """The name of a NumPy type."""
    for name, plain in PLAIN.items():
        if dtype == plain:
            return name
    for name, short in SHORT.items():
        if dtype.name == short:
            return name
    raise EvidenceError(
        "weights",
        f"a tensor is of type '{dtype}'",
        do=f"Convert it to one of {', '.join((*PLAIN, *SHORT))}",
    )


def is_float(name: str) -> bool:
    """Whether a type holds real numbers."""
    return name in SHORT or name.startswith("F")


def wide(name: str) -> np.dtype:
    """The type to compute with: double for double, else single precision."""
    return np.dtype(np.float64 if name == "F64" else np.float32)
