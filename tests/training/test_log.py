from mmc_tf.training import log

ROW = dict.fromkeys(log.COLUMNS, 0.1 + 0.2) | {"epoch": 3, "step": 60, "monitored": "test"}


def test_the_last_row_comes_back_with_its_types(tmp_path):
    path = tmp_path / "log.csv"
    assert log.last(path) == {}
    log.append(path, ROW | {"epoch": 2, "step": 40})
    log.append(path, ROW)
    assert log.last(path) == ROW
    assert isinstance(log.last(path)["step"], int)


def test_rows_after_a_step_go(tmp_path):
    path = tmp_path / "log.csv"
    for epoch in (1, 2, 3):
        log.append(path, ROW | {"epoch": epoch, "step": 20 * epoch})
    log.truncate(path, step=40)
    assert [row["epoch"] for row in log.read(path)] == ["1", "2"]
