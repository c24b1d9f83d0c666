"""What an evaluation comes to, in one line: the worst case, and whether the number asked for is an artefact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmc_tf.evaluation.diagnostics.blindness import ARTEFACT
from mmc_tf.evaluation.diagnostics.finding import STRONG, Record, is_crippled, leaves, leaves_more, stages_of
from mmc_tf.evaluation.diagnostics.probed import exceeds, strongest_probe
from mmc_tf.evaluation.wording import interval, percent, radius

# With these, a verdict is one on a draw or on a batch, not on the network.
NO_NUMBER = ("RANDOM_OUTPUT", "BATCH_DEPENDENT")


def find_headline(records: Sequence[Record]) -> Record | None:
    """The record whose number a reader takes away: the first attack asked for that has a radius.

    Targeted and non-adaptive attacks count, ensembles count as a whole. Corruptions and attacks for the least
    distance without a radius do not: they have no robust accuracy. None if there is no other.
    """
    return next((record for record in records if record["epsilon"] is not None), None)


def make_verdict(
    records: Sequence[Record],
    worst_case: Mapping[str, Any],
    *,
    warnings: Sequence[Mapping[str, Any]] = (),
    diagnosis: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The verdict on the ball of the headline (`find_headline`).

    The headline's number is an artefact (`artefact` True) if, in this order,
        - another attack of the ball leaves over 2 points less;
        - a probe of the diagnosis leaves over 2 points less of the examples probed;
        - its gradient is zero or not finite on over 2 % of the attacked examples, or cross-entropy turned out to
          be blind (CE_BLIND) and it climbs that, and no strong attack of another kind confirms the number.
    It is none (False) if a strong attack of another kind (`STRONG`: APGD-T, FAB-T, MT-PGD, also as a stage of an
    ensemble, the headline's own included) leaves no less than that; one whose steps are too short for the ball
    (UNREACHABLE_RADIUS) is no witness. Else nobody knows (None), and the text says that the number is an upper bound;
    so it does where the model is not one model (`NO_NUMBER`).

    Args:
        records: of the attacks, in the order in which they were asked for.
        worst_case: as `records.worst_cases` gives it.
        warnings: the findings as `results.json` has them.
        diagnosis: its figures, or None.

    Returns:
        `text`, which begins with `verdict:`; `robust_accuracy`, `interval` and `strongest` of the headline's ball;
        `artefact`; and `headline`, its label. All but the text are None where there is no headline.
    """
    headline = find_headline(records)
    if headline is None:
        text = "verdict: no robust accuracy, since no attack was given a radius (--epsilon)"
        nothing = dict.fromkeys(("robust_accuracy", "interval", "strongest", "artefact", "headline"))
        return {"text": text} | nothing
    ball = (headline["norm"], headline["epsilon"])
    inside = [record for record in records if (record["norm"], record["epsilon"]) == ball]
    worst = next(each for each in worst_case["by_epsilon"] if (each["norm"], each["epsilon"]) == ball)
    reached_alone = headline["robust"] == worst["robust"]
    number = "this number" if reached_alone else f"the {leaves(headline)} of {headline['label']}"
    artefact, why = _judge(headline, inside, warnings, diagnosis or {})
    shown = f"{percent(worst['robust_accuracy'])} % ({interval(worst['interval'])})"
    where = f"within {ball[0]} {radius(ball[1])}, {_reached_by(worst, inside)}"
    return {
        "text": f"verdict: worst-case accuracy {shown} {where}; {number} {why}",
        "robust_accuracy": worst["robust_accuracy"],
        "interval": list(worst["interval"]),
        "strongest": worst["strongest"],
        "artefact": artefact,
        "headline": headline["label"],
    }


def _reached_by(worst: Mapping[str, Any], inside: Sequence[Record]) -> str:
    """Which attack reached the worst case, or came closest to what all of them reach together."""
    strongest = min(inside, key=lambda record: record["robust"])
    if strongest["robust"] == worst["robust"]:
        return f"reached by {strongest['label']}"
    return f"reached by {len(inside)} attacks together ({strongest['label']} alone: {leaves(strongest)})"


def _judge(
    headline: Record,
    inside: Sequence[Record],
    warnings: Sequence[Mapping[str, Any]],
    diagnosis: Mapping[str, Any],
) -> tuple[bool | None, str]:
    """Whether the headline's number is an artefact, and what is to be said of it."""
    codes = {warning["code"] for warning in warnings}
    broken = [code for code in NO_NUMBER if code in codes]
    if broken:
        return None, f"cannot be judged before the warning {broken[0]} is dealt with"
    best = min(inside, key=lambda record: record["robust"])
    if leaves_more(headline, best, by=ARTEFACT):
        return True, f"is an artefact: {best['label']} leaves {leaves(best)}"
    probed = _judge_by_probes(headline, diagnosis)
    if probed is not None:
        return True, f"is an artefact: {probed}"
    confirming = [record for record in inside if _is_strong(record) and not _only_the_same(record, headline)]
    if confirming:
        one = min(confirming, key=lambda record: record["robust"])
        if one is headline:
            return (
                False,
                "is not an artefact as far as is known: its stages differ in kind, nothing here beats it",
            )
        return False, f"is not an artefact as far as {one['label']} can tell, which leaves {leaves(one)}"
    blind = _why_blind(headline, codes)
    if blind is not None:
        return True, f"is an artefact: {blind}"
    bound = f"is an upper bound: {_what_lacks(headline, inside)}"
    if diagnosis.get("examples"):
        return None, f"{bound}, but no probe of {diagnosis['examples']} images shows an artefact"
    return None, f"{bound} (autoattack would tell)"


def _judge_by_probes(headline: Record, diagnosis: Mapping[str, Any]) -> str | None:
    """Which probe shows the artefact, and by how much."""
    if not diagnosis.get("examples") or diagnosis["headline"]["label"] != headline["label"]:
        return None
    strongest, total = strongest_probe(diagnosis), diagnosis["examples"]
    before = diagnosis["headline"]["left"]
    if strongest is None or not exceeds(before - strongest[1], total, by=ARTEFACT):
        return None
    words, left = strongest
    shares = f"{percent(before / total)} %, {words} {percent(left / total)} %"
    return f"of {total} correctly classified images it leaves {shares}"


def _why_blind(headline: Record, codes: set[str]) -> str | None:
    """Why the headline's attack does not see where to go, if it does not; not asked of ensembles."""
    if stages_of(headline):
        return None
    for name, words in (("zero_gradient_rate", "exactly zero"), ("nonfinite_gradient_rate", "not finite")):
        rate = headline.get(name, 0.0)
        if rate > ARTEFACT:
            return f"its gradient is {words} on {percent(rate)} % of the attacked examples"
    if headline["objective"] == "ce" and "CE_BLIND" in codes:
        return "it climbs cross-entropy, which is blind on this network"
    return None


def _what_lacks(headline: Record, inside: Sequence[Record]) -> str:
    """Why nobody knows whether the headline's number is an artefact."""
    if is_crippled(headline):
        return "its steps do not reach the border of the ball"
    short = [
        record["label"]
        for record in inside
        if record is not headline and is_crippled(record) and record["attack"] in STRONG
    ]
    if short:
        return f"the steps of {', '.join(short)} do not reach the border of the ball"
    return "no strong attack of another kind was run"


def _kinds(record: Record) -> set[str]:
    """The attacks that a record is of, without those whose steps are too short for the ball."""
    return {single["attack"] for single in stages_of(record) or [record] if not is_crippled(single)}


def _is_strong(record: Record) -> bool:
    return bool(_kinds(record) & STRONG)


def _only_the_same(record: Record, headline: Record) -> bool:
    """Whether a record is of the headline's own kind: an attack does not confirm itself, an ensemble of several
    kinds does."""
    kinds = _kinds(record)
    return len(kinds) == 1 and kinds == (_kinds(headline) or {headline["attack"]})
