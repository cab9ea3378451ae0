"""What layers of torch do to the labels of neurons."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from trueup.adapters.labels import ALONE, POOL, Labels, spread, varying


def of_module(labels: Labels, node: fx.Node, result: Any) -> Any:
    """Labels of what a layer gives."""
    layer = labels.fetch_attr(str(node.target))
    for kinds, rule in RULES:
        if isinstance(layer, kinds):
            (given, *_) = labels.given(node)
            return rule(labels, node, layer, given, result)
    name = type(layer).__name__
    if name.lower() in ALONE:
        return labels.alone(node, name.lower(), result)
    if pool := POOL.match(name):
        return labels.pooled(node, result, int(pool[1]))
    return labels.unknown(node, result)


def _linear(labels: Labels, node: fx.Node, layer: Any, given: torch.Tensor, result: Any):
    return _matrix(labels, node, layer, given, result, axes=(-1, 1, 0))


def _conv(labels: Labels, node: fx.Node, layer: Any, given: torch.Tensor, result: Any):
    if layer.groups == 1:
        own = (0, 1) if layer.transposed else (1, 0)
        return _matrix(labels, node, layer, given, result, axes=(1, *own))
    if layer.groups == layer.in_channels and not layer.transposed:
        return _depthwise(labels, node, layer, given, result)
    labels.fix(given, f"{node.target} (a convolution in {layer.groups} groups) keeps its inputs")
    if layer.transposed:
        return labels.unknown(node, result)
    out = labels.made(layer.weight, 0)
    for i, part in enumerate(out.chunk(layer.groups)):
        labels.together((node, i), part)
    return _given_out(labels, node, layer, out, result, axis=1)


def _matrix(labels: Labels, node: fx.Node, layer: Any, given, result, *, axes):
    """A layer from all inputs to all outputs: axes of the value, and of its weights in and out."""
    axis, into, out_of = axes
    name = str(node.target)
    why = f"{name} ({type(layer).__name__}) is given neurons along several axes"
    vector = labels.vector(given, axis, why)
    labels.tie(layer.weight, into, vector)
    labels.show(name, "in", axis, vector)
    out = labels.made(layer.weight, out_of)
    return _given_out(labels, node, layer, out, result, axis=axis)


def _given_out(labels: Labels, node: fx.Node, layer: Any, out, result, *, axis: int):
    labels.tie(layer.bias, 0, out)
    labels.show(str(node.target), "out", axis, out)
    users = list(node.users)
    if len(users) == 1 and users[0].op == "call_module":
        after = labels.fetch_attr(str(users[0].target))
        if isinstance(after, nn.modules.batchnorm._BatchNorm):
            labels.norms[str(node.target)] = str(users[0].target)
    return spread(out, axis, result.shape)


def _depthwise(labels: Labels, node: fx.Node, layer: Any, given, result):
    """Every channel makes its own outputs, which are the same neurons."""
    vector = labels.vector(given, 1, f"{node.target} is given neurons along several axes")
    out = vector.repeat_interleave(layer.out_channels // layer.in_channels)
    labels.tie(layer.weight, 0, out)
    return _given_out(labels, node, layer, out, result, axis=1)


def _batch_norm(labels: Labels, node: fx.Node, layer: Any, given, result):
    vector = labels.vector(given, 1, f"{node.target} is given neurons along several axes")
    for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
        labels.tie(tensor, 0, vector)
    labels.show(str(node.target), "out", 1, vector)
    return given


def _layer_norm(labels: Labels, node: fx.Node, layer: Any, given, result):
    first = given.ndim - len(layer.normalized_shape)
    axes = varying(given)
    if len(axes) > 1:
        return labels.unknown(node, result)
    for axis in axes:
        if axis >= first:
            vector = labels.vector(given, axis, "")
            labels.tie(layer.weight, axis - first, vector)
            labels.tie(getattr(layer, "bias", None), axis - first, vector)
            labels.together(node, vector)
    return given


def _group_norm(labels: Labels, node: fx.Node, layer: Any, given, result):
    if layer.num_groups not in (1, layer.num_channels) or set(varying(given)) - {1}:
        return labels.unknown(node, result)
    vector = labels.vector(given, 1, "")
    labels.tie(layer.weight, 0, vector)
    labels.tie(layer.bias, 0, vector)
    if layer.num_groups == 1:
        labels.together(node, vector)
    return given


def _embedding(labels: Labels, node: fx.Node, layer: Any, given, result):
    out = labels.made(layer.weight, 1)
    labels.show(str(node.target), "out", -1, out)
    return spread(out, -1, result.shape)


def _prelu(labels: Labels, node: fx.Node, layer: Any, given, result):
    if layer.num_parameters > 1:
        labels.tie(layer.weight, 0, labels.vector(given, 1, f"{node.target} is given several axes"))
    return given


def _flatten(labels: Labels, node: fx.Node, layer: Any, given, result):
    return layer(given)


RULES = (
    (nn.Linear, _linear),
    (nn.modules.conv._ConvNd, _conv),
    (nn.modules.batchnorm._BatchNorm, _batch_norm),
    ((nn.LayerNorm, nn.RMSNorm), _layer_norm),
    (nn.GroupNorm, _group_norm),
    (nn.Embedding, _embedding),
    (nn.PReLU, _prelu),
    ((nn.Flatten, nn.Unflatten), _flatten),
)
"""Kinds of layers, and the rule of each."""
