"""AutoAttack: parameter-free attacks in a fixed order (Croce & Hein, ICML 2020; l1: ICML 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from mmc_tf.attacks.ensemble import Ensemble, Stages, fit_to_classes
from mmc_tf.attacks.registry import attacks, get
from mmc_tf.checks import check_choice, check_number

TARGETS, L1_TARGETS = 9, 5
# Each version's attacks in order, with what they do not have by default.
VERSIONS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "standard": (("apgd_ce", {}), ("apgd_t", {}), ("fab_t", {}), ("square", {})),
    "plus": (
        ("apgd_ce", {"num_restarts": 5}),
        ("apgd_dlr", {"num_restarts": 5}),
        ("fab", {"num_restarts": 5}),
        ("square", {}),
        ("apgd_t", {}),
        ("fab_t", {}),
    ),
    "rand": (("apgd_ce", {"eot_iterations": 20}), ("apgd_dlr", {"eot_iterations": 20})),
}


@attacks.register("autoattack")
@dataclass(frozen=True, kw_only=True)
class AutoAttack(Ensemble):
    """APGD-CE, APGD-T, FAB-T, Square, each on the survivors of the ones before.

    The order is kept on MMC networks too, where APGD-CE does almost nothing: what follows does not depend on
    it. `plus` is APGD-CE and APGD-DLR with five starts, FAB with five, Square, APGD-T, FAB-T; `rand`, for
    networks that draw at random, APGD-CE and APGD-DLR along the mean of 20 gradients. In l1 the standard
    version's APGD-CE has five starts. DLR needs three classes and its targeted form four: with three, APGD-DLR is in
    APGD-T's place, with two APGD on the margin in the place of both, unless it is among the stages already.

    Args:
        version: `standard`, `plus` or `rand`.
        num_queries: queries of Square per example, 5,000 in the paper.
        num_iterations: steps of APGD and FAB, 100 in the paper.

    Example:
        >>> [label for label, _ in AutoAttack(epsilon=8 / 255).stages(10)]
        ['apgd_ce', 'apgd_t', 'fab_t', 'square']
        >>> [label for label, _ in AutoAttack(epsilon=8 / 255).stages(2)]
        ['apgd_ce', 'apgd_margin', 'fab_t', 'square']
    """

    name: ClassVar[str] = "autoattack"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "AutoAttack (standard, plus, rand): parameter-free ensemble, on survivors"

    version: str = "standard"
    num_queries: int = 5000
    num_iterations: int = 100

    def __post_init__(self):
        super().__post_init__()
        check_choice("version", self.version, VERSIONS)
        check_number("num_queries", self.num_queries, minimum=1, integer=True)
        check_number("num_iterations", self.num_iterations, minimum=1, integer=True)

    def details(self) -> tuple[str, ...]:
        """The version, unless it is the standard one."""
        return () if self.version == "standard" else (self.version,)

    def stages(self, num_classes: int) -> Stages:
        """The version's attacks with AutoAttack's settings."""
        stages = []
        for listed, settings in VERSIONS[self.version]:
            kind = fit_to_classes(get(listed), num_classes)
            name = kind.name
            if name in dict(stages):
                continue
            settings = settings | ({} if name == "square" else {"num_steps": self.num_iterations})
            if name in ("apgd_t", "fab_t"):
                most = L1_TARGETS if (name, self.norm) == ("apgd_t", "l1") else TARGETS
                settings["num_targets"] = min(most, num_classes - 1)
            if name == "square":
                settings["num_queries"] = self.num_queries
            if (self.version, name, self.norm) == ("standard", "apgd_ce", "l1"):
                settings["num_restarts"] = 5
            stages.append((name, kind(epsilon=self.epsilon, norm=self.norm, **settings)))
        return tuple(stages)
