"""What each name builds, and the names that are refused."""

import pytest

from mmc_tf.checks import UserError
from mmc_tf.models.backbones import backbones, resolve


@pytest.mark.parametrize(
    ("name", "version", "full_name", "feature_dim"),
    [
        ("resnet32", None, "resnet32v1", 64),
        ("resnet32", 1, "resnet32v1", 64),
        ("resnet32", 2, "resnet47v2", 256),  # the original's n = 5 whatever the version
        ("resnet47", 2, "resnet47v2", 256),
        ("resnet47v2", None, "resnet47v2", 256),
        ("resnet47v2", 2, "resnet47v2", 256),
        ("resnet20", None, "resnet20v1", 64),  # 20, 56 and 110 are 6n+2 and 9n+2
        ("resnet20", 2, "resnet20v2", 256),
        ("resnet110", None, "resnet110v1", 64),
        ("resnet110", 2, "resnet110v2", 256),
        ("resnet164v2", None, "resnet164v2", 256),
        ("resnet20v1", None, "resnet20v1", 64),
        ("wrn-28-4", None, "wrn-28-4", 256),
        ("wrn-28-10", 2, "wrn-28-10", 640),
        ("mnist", 2, "mnist", 200),
        ("lenet5", 1, "lenet5", 64),
    ],
)
def test_names(name, version, full_name, feature_dim):
    backbone = resolve(name, version=version)
    assert (backbone.name, backbone.feature_dim) == (full_name, feature_dim)
    assert resolve(backbone.name) == backbone


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("resnet33", None, r"D = 6n\+2 for resnetDv1 \(nearest: 32 and 38\).*depth 33"),
        ("resnet33", 2, r"D = 9n\+2 for resnetDv2 \(nearest: 29 and 38\).*depth 33"),
        ("resnet44", 2, r"D = 9n\+2 for resnetDv2 \(nearest: 38 and 47\)"),
        ("resnet32v2", None, r"D = 9n\+2"),
        ("resnet2", None, r"nearest: 8\)"),
        ("wrn-27-4", None, r"D = 6n\+4 for wrn-D-K \(nearest: 22 and 28\)"),
        ("wrn-28-0", None, "one of resnetD.*wrn-D-K"),
        ("vgg16", None, "one of resnetD, .*lenet5.*mnist.*resnetDv1.*resnetDv2.*wrn-D-K"),
        ("resnet", None, "one of"),
        ("resnet٣٢", None, "one of"),  # digits, but not ours
        ("resnet32\n", None, "one of"),
        ("resnet20v1", 2, "version.*Expected 1 for model resnet20v1"),
        ("resnet32", 3, "version.*1 or 2"),
    ],
)
def test_refused_names(name, version, message):
    with pytest.raises(UserError, match=message):
        resolve(name, version=version)


def test_registering_a_network_of_ones_own():
    @backbones.register("tiny-D", feature_dim=lambda depth: 2 * depth, depth_rule=(3, 1))
    def tiny(inputs, options, *, depth):
        return inputs

    try:
        assert resolve("tiny-7").sizes == {"depth": 7}
        assert resolve("tiny-7").feature_dim == 14
        assert backbones.get("tiny-D").build is tiny
        with pytest.raises(UserError, match="nearest: 4 and 7"):
            resolve("tiny-5")
    finally:
        del backbones._items["tiny-D"]
