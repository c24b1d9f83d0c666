"""The verdict's sentence, from records by hand."""

import pytest
from records_by_hand import autoattack, record

from mmc_tf.evaluation.statistics import wilson_interval
from mmc_tf.evaluation.verdict import find_headline, make_verdict


def worst_of(records, together=None):
    """`worst_case` of records in one ball each, with what all attacks of the first ball leave together."""
    balls = {}
    for each in records:
        if each["epsilon"] is not None:
            balls.setdefault((each["norm"], each["epsilon"]), []).append(each)
    by_epsilon = []
    for number, ((norm, epsilon), group) in enumerate(balls.items()):
        best = min(group, key=lambda each: each["robust"])
        robust = best["robust"] if together is None or number else together
        by_epsilon.append(
            {
                "norm": norm,
                "epsilon": epsilon,
                "strongest": best["label"],
                "robust": robust,
                "robust_accuracy": robust / best["examples"],
                "interval": list(wilson_interval(robust, best["examples"])),
            }
        )
    return {"by_epsilon": by_epsilon}


def verdict_on(*records, together=None, warnings=(), diagnosis=None):
    found = [{"code": code} for code in warnings]
    return make_verdict(records, worst_of(records, together), warnings=found, diagnosis=diagnosis)


PGD = record(robust=844, label="pgd-10 linf 8/255", objective="ce")
START = "verdict: worst-case accuracy 84.4 % (82.0 to 86.5) within linf 8/255, reached by pgd-10 linf 8/255; "


def test_the_number_of_one_attack_is_an_upper_bound():
    verdict = verdict_on(PGD)
    said = "this number is an upper bound: no strong attack of another kind was run (autoattack would tell)"
    assert verdict == {
        "text": START + said,
        "robust_accuracy": 0.844,
        "interval": pytest.approx([0.820, 0.865], abs=5e-4),
        "strongest": "pgd-10 linf 8/255",
        "artefact": None,
        "headline": "pgd-10 linf 8/255",
    }


@pytest.mark.parametrize("weak", ["mim", "square", "transfer", "apgd_ce", "fgsm"])
def test_weak_attacks_confirm_nothing(weak):
    assert verdict_on(PGD, record(weak, 850))["artefact"] is None


@pytest.mark.parametrize(("robust", "artefact"), [(824, False), (823, True), (0, True)])
def test_a_stronger_attack_beyond_two_points_makes_an_artefact(robust, artefact):
    verdict = verdict_on(PGD, record("apgd_t", robust, label="apgd_t linf 8/255"))
    assert (verdict["artefact"], verdict["strongest"]) == (artefact, "apgd_t linf 8/255")
    assert verdict["robust_accuracy"] == robust / 1000
    if artefact:
        end = f"the 84.4 % of pgd-10 linf 8/255 is an artefact: apgd_t linf 8/255 leaves {robust / 10:.1f} %"
    else:
        end = (
            "the 84.4 % of pgd-10 linf 8/255 is not an artefact as far as apgd_t linf 8/255 can tell, which "
            "leaves 82.4 %"
        )
    assert verdict["text"].endswith("; " + end)


def test_an_attack_does_not_confirm_itself_but_autoattack_does():
    alone = record("apgd_t", 400, label="apgd_t")
    assert verdict_on(alone)["artefact"] is None
    assert verdict_on(alone, record("apgd_t", 390, num_restarts=5))["artefact"] is None
    whole = autoattack(apgd_ce=450, apgd_t=402, fab_t=401, square=400)
    verdict = verdict_on(whole)
    assert verdict["artefact"] is False
    assert verdict["text"].endswith(
        "reached by autoattack; this number is not an artefact as far as is known: its stages differ in kind, "
        "nothing here beats it"
    )


def test_an_attack_whose_steps_do_not_cross_the_ball_confirms_nothing():
    short = record("mt_pgd", 843, label="mt_pgd", reach=0.001)
    verdict = verdict_on(PGD, short)
    assert verdict["artefact"] is None
    assert "is an upper bound: the steps of mt_pgd do not reach the border of the ball" in verdict["text"]
    whole = short | {"reach": 8 / 255, "label": "whole"}
    assert verdict_on(PGD, short, whole)["artefact"] is False
    # Neither does it as a stage of an ensemble, which then is of one kind or none.
    parts = [record(robust=844), short]
    for reach, artefact in ((0.001, None), (1.0, False)):
        parts[1]["reach"] = reach
        assert verdict_on(PGD, record("worst", 843, waterfall=parts))["artefact"] is artefact
        # As a headline it is two kinds with both of them.
        assert verdict_on(record("worst", 843, waterfall=parts))["artefact"] is artefact


def test_a_headline_whose_steps_do_not_cross_the_ball_is_an_upper_bound():
    verdict = verdict_on(PGD | {"reach": 0.001})
    said = (
        "this number is an upper bound: its steps do not reach the border of the ball (autoattack would tell)"
    )
    assert verdict["text"] == START + said
    assert verdict_on(PGD | {"reach": 0.001}, record("apgd_t", 840))["artefact"] is False
    assert verdict_on(PGD | {"reach": 0.001}, record("apgd_t", 100))["artefact"] is True


@pytest.mark.parametrize("name", ["zero_gradient_rate", "nonfinite_gradient_rate"])
@pytest.mark.parametrize(("rate", "artefact"), [(0.02, None), (0.021, True)])
def test_an_attack_that_does_not_see_makes_an_artefact(name, rate, artefact):
    verdict = verdict_on(PGD | {name: rate})
    assert verdict["artefact"] is artefact
    words = "exactly zero" if name == "zero_gradient_rate" else "not finite"
    said = f"this number is an artefact: its gradient is {words} on 2.1 % of the attacked examples"
    assert (verdict["text"] == START + said) == bool(artefact)
    # Unless somebody who sees comes to the same.
    assert verdict_on(PGD | {name: rate}, record("mt_pgd", 840))["artefact"] is False


def test_the_first_stage_of_an_ensemble_may_be_blind():
    whole = autoattack(apgd_ce=900, apgd_t=400) | {"zero_gradient_rate": 0.9}
    assert verdict_on(whole, warnings=["ZERO_GRADIENT", "CE_BLIND"])["artefact"] is False


def test_blind_cross_entropy():
    assert verdict_on(PGD, warnings=["CE_BLIND"])["artefact"] is True
    assert verdict_on(PGD | {"objective": "margin"}, warnings=["CE_BLIND"])["artefact"] is None


def probed(left, *, headline=88, label=PGD["label"], name="margin", examples=100):
    broken = examples - left if name == "margin" else headline - left
    probe = {"name": name, "words": "PGD-20 on margin", "asked": examples, "broken": broken}
    return {"examples": examples, "headline": {"label": label, "left": headline}, "probes": [probe]}


@pytest.mark.parametrize("name", ["margin", "square"])
@pytest.mark.parametrize(("left", "artefact"), [(88, None), (86, None), (85, True), (0, True)])
def test_a_probe_beyond_two_points_makes_an_artefact(name, left, artefact):
    verdict = verdict_on(PGD, diagnosis=probed(left, name=name))
    assert verdict["artefact"] is artefact
    if artefact:
        said = (
            "this number is an artefact: of 100 correctly classified images it leaves 88.0 %, PGD-20 on margin "
            f"{left}.0 %"
        )
    else:
        said = (
            "this number is an upper bound: no strong attack of another kind was run, but no probe of 100 images "
            "shows an artefact"
        )
    assert verdict["text"] == START + said


def test_two_examples_are_more_than_two_points_of_ten_but_one_is_no_artefact():
    assert verdict_on(PGD, diagnosis=probed(7, headline=8, examples=10))["artefact"] is None
    assert verdict_on(PGD, diagnosis=probed(6, headline=8, examples=10))["artefact"] is True


def test_what_attacks_reach_together():
    verdict = verdict_on(PGD, record("square", 860), together=830)
    assert "83.0 % (80.5 to 85.2) within linf 8/255, reached by 2 attacks together" in verdict["text"]
    assert "(pgd-10 linf 8/255 alone: 84.4 %); the 84.4 % of pgd-10 linf 8/255 is" in verdict["text"]


@pytest.mark.parametrize("code", ["RANDOM_OUTPUT", "BATCH_DEPENDENT"])
def test_no_number_is_judged_of_what_is_not_one_network(code):
    verdict = verdict_on(PGD, record("apgd_t", 0), warnings=["PGD_ONLY", code])
    assert verdict["artefact"] is None
    assert verdict["text"].endswith(f"cannot be judged before the warning {code} is dealt with")


def test_the_headline_is_the_first_attack_with_a_radius():
    noise = record("gaussian", 900, epsilon=None, radius="none")
    nearest = record("ddn", 0, epsilon=None, radius="least")
    targeted = record(robust=700, targeted=True, label="targeted", epsilon=16 / 255)
    later = record("apgd_t", 10)
    assert find_headline([noise, nearest, targeted, later]) is targeted
    verdict = verdict_on(noise, nearest, targeted, later)
    # The other ball has no say in it.
    assert (verdict["headline"], verdict["robust_accuracy"], verdict["artefact"]) == ("targeted", 0.7, None)
    assert "within linf 16/255" in verdict["text"]


def test_without_a_radius_there_is_no_number():
    verdict = verdict_on(record("ddn", 0, epsilon=None, radius="least"))
    assert (
        verdict.pop("text") == "verdict: no robust accuracy, since no attack was given a radius (--epsilon)"
    )
    assert set(verdict.values()) == {None}
