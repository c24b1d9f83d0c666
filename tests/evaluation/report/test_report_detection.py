"""The page's table of how well adversarial images are detected."""

from mmc_tf.evaluation.report.build import _detection


def test_the_page_shows_the_table_where_detection_was_asked_for():
    scores = {"margin": {"auc": 0.9123, "auc_all": 0.5}, "confidence": {"auc": None, "auc_all": 0.25}}
    detection = {"clean": 90, "fooling": 12, "attacked": 90, "scores": scores}
    note, table = _detection({"attacks": [{"label": "pgd-10", "detection": detection}, {"label": "fgsm"}]})
    assert "0.5 is a coin" in note
    cells = [cell.split(">")[1] for cell in table.split("<td")[1:]]
    assert [cell.partition("<")[0] for cell in cells] == [
        "pgd-10",
        "90",
        "12",
        "90",
        "- (0.250)",
        "0.912 (0.500)",
    ]
    assert _detection({"attacks": [{"label": "fgsm"}]}) == []
