"""Names of backbones: what `resnet32`, `resnet47v2` or `wrn-28-4` builds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmc_tf.checks import argument_error
from mmc_tf.models.backbones.options import BackboneOptions
from mmc_tf.registry import Registry

SIZES = {"D": "depth", "K": "widen_factor"}

# The original scripts count blocks (n = 5 for "resnet32") whatever the version.
ORIGINAL_V2_DEPTHS = {32: 47}


@dataclass(frozen=True)
class Family:
    """A builder of backbones, the number of features its networks give to center heads, the depths it knows.

    Args:
        build: from inputs, options and sizes to features.
        feature_dim: from the sizes to a width.
        own_width: from the sizes to the number of units that the network ends with by itself.
        depth_rule: (a, b) where the depth must be a·n + b, n >= 1.
    """

    build: Callable[..., Any]
    feature_dim: Callable[..., int]
    own_width: Callable[..., int]
    depth_rule: tuple[int, int] | None = None


class BackboneRegistry(Registry[Family]):
    """The registry of models, whose names may hold sizes: D the depth, K the widening factor.

    Example:
        >>> @backbones.register("mynet-D", feature_dim=lambda depth: 64)
        ... def mynet(inputs, options, *, depth): ...
    """

    def register(
        self,
        name: str,
        *,
        feature_dim: Callable[..., int],
        own_width: Callable[..., int] | None = None,
        depth_rule: tuple[int, int] | None = None,
    ) -> Callable:
        """A decorator that enters the decorated builder under `name`.

        Args:
            name: with the letters D and K in place of numbers, which the builder gets as `depth` and
                `widen_factor`.
            feature_dim: from the same sizes to the number of features that center heads get by default.
            own_width: to the number of units without the auxiliary layer; None: `feature_dim`.
            depth_rule: (a, b) where the depth must be a·n + b, n >= 1.
        """

        def enter(build):
            family = Family(build, feature_dim, own_width or feature_dim, depth_rule)
            super(BackboneRegistry, self).register(name)(family)
            return build

        return enter

    def match(self, name: str) -> tuple[str, dict[str, int]] | None:
        """The registered name that `name` is an instance of, and its sizes; None if there is none."""
        for template in self:
            pattern = "".join(
                rf"(?P<{SIZES[c]}>[1-9]\d{{0,3}})" if c in SIZES else re.escape(c) for c in template
            )
            if found := re.fullmatch(pattern, name):
                return template, {size: int(number) for size, number in found.groupdict().items()}
        return None


backbones = BackboneRegistry("model")


@dataclass(frozen=True)
class Backbone:
    """A backbone picked by name.

    Args:
        name: the full name, such as `resnet32v1`.
        family: the name it is registered under, such as `resnetDv1`.
        sizes: the numbers in the name.
        feature_dim: the width of the features that center heads get by default.
        own_width: the width without the auxiliary dense layer.
    """

    name: str
    family: str
    sizes: dict[str, int] = field(default_factory=dict)
    feature_dim: int = 0
    own_width: int = 0


def resolve(name: str, *, version: int | None = None) -> Backbone:
    """Finds the backbone of a name.

    `resnetD` is version 1 (depth D = 6n+2) unless `version=2` asks for version 2, where D = 9n+2 is taken as
    it is and 32 is the original's default, n = 5, that is depth 47. Some depths are of both kinds:
    `resnet110` with version 2 is the 110-layer network (n = 12); the original with n = 18 is `resnet164v2`.
    `resnetDv1` and `resnetDv2` say it all.

    Args:
        name: `resnetD`, `resnetDv1`, `resnetDv2`, `wrn-D-K`, `mnist`, `lenet5`, or a registered name.
        version: 1 or 2, of a ResNet; None follows the name. Other networks have no versions and ignore it.

    Returns:
        The resolved name with its sizes and feature width.

    Raises:
        UserError: for an unknown name, an impossible depth, or a version that contradicts the name.

    Example:
        >>> resolve("resnet32", version=2).name
        'resnet47v2'
    """
    if version not in (None, 1, 2):
        raise argument_error("version", "1 or 2", version)
    full = name
    if found := re.fullmatch(r"resnet([0-9]{1,4})(?:v([12]))?", name):
        depth, written = int(found[1]), found[2]
        if written and version is not None and int(written) != version:
            raise argument_error("version", f"{written} for model {name}", version)
        kind = int(written or version or 1)
        if kind == 2 and not written:
            depth = ORIGINAL_V2_DEPTHS.get(depth, depth)
        full = f"resnet{depth}v{kind}"
    match = backbones.match(full)
    if match is None:
        choices = ", ".join(["resnetD", *backbones.names()])
        raise argument_error("model", f"one of {choices} (D: depth, K: widening factor)", name)
    family, sizes = match
    if backbones.get(family).depth_rule:
        check_depth(family, sizes["depth"])
    entry = backbones.get(family)
    return Backbone(full, family, sizes, entry.feature_dim(**sizes), entry.own_width(**sizes))


def check_depth(family: str, depth: int) -> int:
    """Returns n of depth = a·n + b, by the family's depth rule.

    Raises:
        UserError: if there is no such n >= 1, with the nearest depths that have one.
    """
    a, b = backbones.get(family).depth_rule
    blocks, rest = divmod(depth - b, a)
    if blocks >= 1 and rest == 0:
        return blocks
    nearest = " and ".join(str(a * n + b) for n in (blocks, blocks + 1) if n >= 1) or a + b
    raise argument_error("model", f"a depth D = {a}n+{b} for {family} (nearest: {nearest})", f"depth {depth}")


def build_backbone(name: str, inputs, options: BackboneOptions | None = None, *, version: int | None = None):
    """Builds the backbone `name` on `inputs`; the layer of the features is named `features`.

    Args:
        name: see `resolve`.
        inputs: KerasTensor (N, H, W, C).
        options: see `BackboneOptions`; None for the defaults.
        version: see `resolve`.

    Returns:
        Features, KerasTensor (N, d).

    Raises:
        UserError: for an unknown or impossible name, images too small for it, or contradictory options.
    """
    backbone = resolve(name, version=version)
    return backbones.get(backbone.family).build(inputs, options or BackboneOptions(), **backbone.sizes)
