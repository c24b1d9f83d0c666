"""Losses: pure functions in `functions`, Keras classes in `classes`."""

from mmc_tf.losses.classes import EMC, HMMC, LGM, LOSSES, MMC, MMC_FORMS, MMLDA, SCE, CenterLoss, HeadLoss

__all__ = ["EMC", "HMMC", "LGM", "LOSSES", "MMC", "MMC_FORMS", "MMLDA", "SCE", "CenterLoss", "HeadLoss"]
