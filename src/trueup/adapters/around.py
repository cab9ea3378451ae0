"""What scikit-learn asks of an estimator that is made around another, its ``estimator``."""

from __future__ import annotations

from typing import Any

from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _routing_enabled,
    process_routing,
)


try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # scikit-learn before 1.6 has no frozen estimators
    FrozenEstimator = ()


def is_frozen(estimator: Any) -> bool:
    """Whether it is fitted already, and stays as it is."""
    return bool(FrozenEstimator) and isinstance(estimator, FrozenEstimator)


def take_names(owner: Any) -> None:
    """Number and names of the features as the fitted ``owner.estimator_`` knows them."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(owner.estimator_, name):
            setattr(owner, name, getattr(owner.estimator_, name))


def routes(owner: Any) -> MetadataRouter:
    """Who gets which further argument of ``fit``."""
    mapping = MethodMapping().add(caller="fit", callee="fit")
    router = MetadataRouter(owner=owner).add_self_request(owner)
    return router.add(estimator=owner.estimator, method_mapping=mapping)


def routed(owner: Any, **fit_params: Any) -> dict | None:
    """Arguments of ``owner.estimator.fit``; None where routing is not enabled."""
    if not _routing_enabled():
        return None
    return dict(process_routing(owner, "fit", **fit_params).estimator.fit)


def with_inputs_of(tags: Any, estimator: Any) -> Any:
    """``tags`` that take the inputs that ``estimator`` takes: sparse ones, and NaN."""
    inner = get_tags(estimator).input_tags
    tags.input_tags.sparse, tags.input_tags.allow_nan = inner.sparse, inner.allow_nan
    return tags
