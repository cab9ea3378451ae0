"""Arrays of NumPy and of torch under the same few names.

>>> import numpy as np
>>> arrays = arrays_of(np.zeros((3, 8), np.float32))
>>> arrays.rfft(np.zeros((3, 8), np.float32)).dtype
dtype('complex64')
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import scipy.fft


@dataclass(frozen=True)
class Arrays:
    """A library, a precision and a device; hashable, so that coefficients can be kept for it.

    NumPy transforms with ``scipy.fft`` on one thread, which keeps single precision; torch with
    ``torch.fft`` on as many threads as its user allows.
    """

    library: str
    dtype: str
    device: str = ""

    @cached_property
    def _torch(self):
        return sys.modules["torch"]

    @property
    def is_torch(self) -> bool:
        """Whether these are tensors of torch."""
        return self.library == "torch"

    @property
    def eps(self) -> float:
        """Spacing of numbers near 1."""
        return float(np.finfo(self.dtype).eps)

    def constant(self, values):
        """``values``, made in double precision, in this precision and on this device."""
        values = np.asarray(values)
        single = self.dtype == "float32"
        if np.iscomplexobj(values):
            values = values.astype(np.complex64 if single else np.complex128)
        else:
            values = values.astype(self.dtype)
        if not self.is_torch:
            values.setflags(write=False)
            return values
        return self._torch.as_tensor(values.copy(), device=self.device)

    def rfft(self, values):
        """Transform of the last axis of real values."""
        if self.is_torch:
            return self._torch.fft.rfft(values)
        return scipy.fft.rfft(values)

    def irfft(self, modes, n: int):
        """Real values of length ``n`` on the last axis; modes that are not there are 0."""
        if self.is_torch:
            return self._torch.fft.irfft(modes, n=n)
        return scipy.fft.irfft(modes, n=n)

    def rfft2(self, values):
        """Transform of the last two axes of real values."""
        if self.is_torch:
            return self._torch.fft.rfft2(values)
        return scipy.fft.rfft2(values)

    def irfft2(self, modes, shape: tuple[int, int]):
        """Real values of that shape on the last two axes."""
        if self.is_torch:
            return self._torch.fft.irfft2(modes, s=shape)
        return scipy.fft.irfft2(modes, s=shape)

    def fft_y(self, modes):
        """Complex transform of the last axis but one; ``modes`` are spent."""
        if self.is_torch:
            return self._torch.fft.fft(modes, dim=-2)
        return scipy.fft.fft(modes, axis=-2, overwrite_x=True)

    def ifft_y(self, modes):
        """The inverse of ``fft_y``; ``modes`` are spent."""
        if self.is_torch:
            return self._torch.fft.ifft(modes, dim=-2)
        return scipy.fft.ifft(modes, axis=-2, overwrite_x=True)

    def stack(self, parts, axis: int = -1):
        """Parts of one shape along a new axis."""
        if self.is_torch:
            return self._torch.stack(parts, dim=axis)
        return np.stack(parts, axis=axis)

    def zeros(self, shape, *, complex_: bool = False):
        """Zeros of this precision, or of the complex numbers of this precision."""
        name = {"float32": "complex64", "float64": "complex128"}[self.dtype]
        name = name if complex_ else self.dtype
        if self.is_torch:
            kind = getattr(self._torch, name)
            return self._torch.zeros(tuple(shape), dtype=kind, device=self.device)
        return np.zeros(shape, name)

    def roll(self, values, by: int):
        """Values moved along the last axis, around its end."""
        if self.is_torch:
            return self._torch.roll(values, by, dims=-1)
        return np.roll(values, by, axis=-1)

    def copy(self, values):
        """The same values in memory of their own."""
        return values.clone() if self.is_torch else values.copy()

    def finite(self, values) -> bool:
        """Whether all is finite: a look at the sum, and at each value only where that is not."""
        with np.errstate(all="ignore"):
            if bool(abs(float(values.sum())) < float("inf")):
                return True
        return not self.broken(values, values.ndim).any()

    def broken(self, values, axes: int) -> np.ndarray:
        """Which members have NaN or infinity; the last ``axes`` axes are those of one member."""
        values = values.detach().cpu().numpy() if self.is_torch else values
        members = values.shape[: values.ndim - axes]
        return ~np.isfinite(values.reshape(*members, -1)).all(axis=-1)


@cache
def keep_memory() -> None:
    """Have freed memory stay with this process, once.

    The C library of Linux gives large freed arrays back to the system, which hands them out again
    page by page, zeroed: half the time of a step. Once a larger array was freed, smaller ones stay.
    """
    np.empty(2**25 - 2**16, np.uint8)


def is_tensor(state) -> bool:
    """Whether that is a tensor of torch; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(state, torch.Tensor)


def arrays_of(state) -> Arrays:
    """The library, precision and device of an array of NumPy or torch."""
    if is_tensor(state):
        return Arrays("torch", str(state.dtype).removeprefix("torch."), str(state.device))
    return Arrays("numpy", state.dtype.name)
