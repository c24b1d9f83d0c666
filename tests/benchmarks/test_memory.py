"""An evaluation holds a batch of its images, not the set."""

import memory
import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_set_of_half_a_gigabyte_costs_little_more_than_a_small_one(tmp_path, dtype):
    small, large = memory.compare(tmp_path, dtype=dtype, large_bytes=6e8)
    more = large.set_bytes - small.set_bytes
    assert more > 5e8
    assert large.examples >= memory.ATTACKED
    assert large.peak_bytes - small.peak_bytes < 0.25 * more, (small, large)
