"""BIM: the iterative FGSM from the clean image (Kurakin et al., 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mmc_tf.attacks.iterative import IterativeAttack
from mmc_tf.attacks.registry import attacks


@attacks.register("bim")
@dataclass(frozen=True, kw_only=True)
class BIM(IterativeAttack):
    """x_0 = x; x_{k+1} = clip01(x + P_ε(x_k + a·s(∇J(x_k)) - x)).

    From the clean image itself the `mmc` objective starts with a tiny gradient on well-fitted examples:
    prefer PGD.

    Example:
        >>> BIM(epsilon=8 / 255, num_steps=50).name
        'bim'
    """

    name: ClassVar[str] = "bim"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    summary: ClassVar[str] = "basic iterative method: projected gradient steps from the clean image"
