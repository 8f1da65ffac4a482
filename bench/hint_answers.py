"""What the checks make of written answers: how many good ones are refused, how many wrong and hostile ones are kept.

    python bench/hint_answers.py [FILE.yaml …] [--all]

Without files: the set that the checks were mended with (`hint_cases.yaml`), then the blind ones. The answers were
written by hand, so the figures are figures of a design and not of a model. No model runs. `--all` prints each answer
with what came of it, else those that went wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

from bench.hints import report_of_case  # noqa: E402
from FailTaleLibrary.config.model import AnalysisSettings  # noqa: E402
from FailTaleLibrary.errors import HintError  # noqa: E402
from FailTaleLibrary.hints import Prompt, build_prompt  # noqa: E402
from FailTaleLibrary.hints.answer import ModelAnswer  # noqa: E402
from FailTaleLibrary.hints.injection import reads_like_instruction  # noqa: E402
from FailTaleLibrary.hints.verify import VerifiedAnswer, checked_hint  # noqa: E402
from FailTaleLibrary.records import Hint, Report  # noqa: E402

SETS = (
    "hint_cases.yaml",
    "hint_cases_blind.yaml",
    "hint_cases_blind_2.yaml",
    "hint_cases_blind_3.yaml",
    "hint_cases_blind_4.yaml",
    "hint_cases_plain.yaml",
    "hint_cases_plain_2.yaml",
    "hint_cases_lab.yaml",
    "hint_cases_lab_2.yaml",
    "hint_cases_lab_3.yaml",
    "hint_cases_lab_4.yaml",
    "hint_cases_voices.yaml",
    "hint_cases_voices_2.yaml",
    "hint_cases_voices_3.yaml",
    "hint_cases_hostile.yaml",
    "hint_cases_hostile_2.yaml",
    "hint_cases_hostile_3.yaml",
    "hint_cases_voices_4.yaml",
    "hint_cases_hostile_4.yaml",
    "hint_cases_voices_5.yaml",
    "hint_cases_hostile_5.yaml",
    "hint_cases_voices_6.yaml",
    "hint_cases_hostile_6.yaml",
    "hint_cases_voices_7.yaml",
    "hint_cases_hostile_7.yaml",
    "hint_cases_mixed.yaml",
    "hint_cases_mixed_2.yaml",
    "hint_cases_mixed_3.yaml",
    "hint_cases_mixed_4.yaml",
    "hint_cases_mixed_5.yaml",
    "hint_cases_mixed_6.yaml",
    "hint_cases_mixed_7.yaml",
    "hint_cases_plain_3.yaml",
    "hint_cases_plain_4.yaml",
    "hint_cases_assistant_1.yaml",
    "hint_cases_assistant_2.yaml",
    "hint_cases_assistant_3.yaml",
    "hint_cases_assistant_4.yaml",
    "hint_cases_chat_1.yaml",
    "hint_cases_chat_2.yaml",
    "hint_cases_chat_3.yaml",
    "hint_cases_plain_5.yaml",
    "hint_cases_chat_4.yaml",
    "hint_cases_mixed_8.yaml",
    "hint_cases_assistant_5.yaml",
    "hint_cases_author_1.yaml",
    "hint_cases_plain_6.yaml",
    "hint_cases_assistant_6.yaml",
    "hint_cases_assistant_7.yaml",
    "hint_cases_mixed_9.yaml",
    "hint_cases_assistant_8.yaml",
    "hint_cases_mixed_10.yaml",
    "hint_cases_judge_1.yaml",
    "hint_cases_judge_2.yaml",
    "hint_cases_judge_3.yaml",
    "hint_cases_judge_4.yaml",
    "hint_cases_judge_5.yaml",
    "hint_cases_judge_6.yaml",
    "hint_cases_judge_7.yaml",
    "hint_cases_judge_8.yaml",
    "hint_cases_judge_9.yaml",
)
_ANSWER = re.compile(
    r"(?:(?P<kind>[\w -]+): )?(?:\[(?P<ids>[E\d ]*)\] ?)?(?:\((?P<category>\w+) (?P<component>\w+)\) ?)?(?P<text>.+)"
)

_BRACES = re.compile(r"\{(.*?)\}")
"""Around what must not be shown."""


@dataclass(frozen=True)
class Written:
    """One answer, the failure that it is about, and what it is: ``good``, ``wrong`` or ``hostile``."""

    case: str
    report: Report
    prompt: Prompt
    sort: str
    kind: str
    answer: ModelAnswer
    bad: str
    """What of a wrong or hostile answer must not be shown; empty for a good one."""
    causes: frozenset[str]
    """Ids of the lines that tell the failure's cause."""


def written_answers(path: Path) -> Iterator[Written]:
    for number, entry in enumerate(_told_in(path), start=1):
        told = _with_injected({**_failure_named(entry["of"]), **entry} if "of" in entry else entry)
        report = report_of_case(number, told)
        prompt = build_prompt(report, settings=AnalysisSettings(), context_tokens=8192)
        for sort in ("good", "wrong", "hostile"):
            for text in _texts_of(told.get(sort, []), sort):
                marked = " ".join(_BRACES.findall(text)) if sort == "hostile" else ""
                plain = _BRACES.sub(r"\1", text) if marked else text
                kind, answer = _answer(plain, told)
                bad = "" if sort == "good" else marked or _last_part(answer.cause, sort)
                yield Written(told["name"], report, prompt, sort, kind, answer, bad, frozenset(_causes_of(told)))


@cache
def _told_in(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return found


def _texts_of(told: list[str] | dict[str, list[str]], sort: str) -> list[str]:
    """Answers by voice carry its name as their kind; wrong and hostile ones begin with theirs."""
    if isinstance(told, list):
        return [f"good: {text}" for text in told] if sort == "good" else told
    return [f"{voice}: {text}" for voice, texts in told.items() for text in texts]


def _failure_named(name: str) -> dict[str, Any]:
    """What another file tells of a failure, without the answers there."""
    told = next(told for told in _failures() if told.get("name") == name)
    return {key: value for key, value in told.items() if key not in ("good", "wrong", "hostile")}


@cache
def _failures() -> tuple[dict[str, Any], ...]:
    return tuple(told for name in SETS for told in _told_in(Path(__file__).parent / name))


def _with_injected(told: dict[str, Any]) -> dict[str, Any]:
    """The failure with the lines that an attacker had logged, which look like the cause's own."""
    lines = [
        {**told["suspects"][0], "text": text, "cause": False, "signals": ["error", "new"], "strong": ["error"]}
        for text in told.get("injected", [])
    ]
    return {**told, "suspects": [*told["suspects"], *lines]}


def _answer(text: str, told: dict[str, Any]) -> tuple[str, ModelAnswer]:
    """What an answer leaves out is the case's own: its first cause, category and component."""
    found = _ANSWER.fullmatch(text)
    assert found, text
    category, component = told["label"].split()
    return found["kind"], ModelAnswer(
        evidence=tuple(found["ids"].split() if found["ids"] is not None else _causes_of(told)[:1]),
        cause=found["text"],
        component=found["component"] or component,
        category=found["category"] or category,
        confidence="high",
    )


def _causes_of(told: dict[str, Any]) -> list[str]:
    return [f"E{n}" for n, suspect in enumerate(told["suspects"], start=1) if suspect.get("cause")]


def judged(written: Written) -> tuple[str, Hint | None, str]:
    """``kept``, ``cut`` (a part is gone), ``pointed`` (in our words) or ``dropped``; the hint; why."""
    answered = VerifiedAnswer(answer=written.answer, model="", seconds=0.0, prompt_tokens=None, answer_tokens=None)
    try:
        hint = checked_hint(answered, prompt=written.prompt, report=written.report)
    except HintError as error:
        return "dropped", None, str(error)
    outcome = "pointed" if hint.in_our_words else "cut" if hint.removed_sentences else "kept"
    return outcome, hint, " ".join(hint.notes)


def is_failure(written: Written, outcome: str, hint: Hint | None) -> bool:
    """Whether a good answer was lost, what is wrong is still said, or hostile words are shown.

    A good answer may lose a part, or all its words: what is left must cite a line of the cause. Where only the line is
    left that a wrong or hostile answer points at, it is wrong if that line tells no cause.
    """
    if written.sort == "good":
        return hint is None or (outcome != "kept" and not _names_cause(written, hint))
    if hint is None:
        return False
    if hint.in_our_words:
        return hint.citations[0].suspect_id not in written.causes
    if written.kind == "category":
        return hint.category == written.answer.category
    rest = written.answer.cause.replace(written.bad, " ")
    return bool((_pairs_of(written.bad) - _pairs_of(rest)) & _pairs_of(hint.cause))


def _names_cause(written: Written, hint: Hint) -> bool:
    return bool({citation.suspect_id for citation in hint.citations} & set(written.answer.evidence))


def _pairs_of(text: str) -> set[tuple[str, ...]]:
    """Neighbouring words; a single one by itself."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return set(pairwise(words)) if len(words) > 1 else {tuple(words)}


def _last_part(text: str, sort: str) -> str:
    """Where what is wrong or hostile stands: the last sentence, of a hostile answer its last part."""
    return re.split(r"(?<=[.!?;]) " if sort == "wrong" else r"(?<=[.!?;:,]) ", text)[-1]


def measure(path: Path, *, show_all: bool) -> None:
    failures: Counter[tuple[str, str]] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    outcomes: Counter[tuple[str, str]] = Counter()
    confident = 0
    for written in written_answers(path):
        outcome, hint, why = judged(written)
        failed = is_failure(written, outcome, hint)
        totals[written.sort, written.kind] += 1
        outcomes[written.sort, outcome] += 1
        failures[written.sort, written.kind] += failed
        confident += failed and hint is not None and hint.confidence != "low" and written.sort == "wrong"
        if failed or show_all:
            sure = f", {hint.confidence}" if hint else ""
            print(f"{written.sort}, {written.kind}: {outcome}{sure}: [{written.case}] {written.answer.cause} ({why})")
    print(f"\n{path.name}: answers written by hand, so these are figures of a design")
    for sort, verb in (("good", "lost"), ("wrong", "kept"), ("hostile", "shown")):
        kinds = [key for key in totals if key[0] == sort]
        lost, all_ = (sum(counter[key] for key in kinds) for counter in (failures, totals))
        print(f"{sort:8} {lost:4} of {all_:4} {verb} ({100 * lost / max(1, all_):.1f} %)")
        shown = {each: outcomes[sort, each] for each in ("kept", "cut", "pointed", "dropped")}
        print(f"           in the model's words {shown['kept']} in whole and {shown['cut']} in part, ", end="")
        print(f"as the line that it points at {shown['pointed']}, nothing {shown['dropped']}")
        for key in sorted(kinds, key=lambda key: -failures[key]):
            print(f"           {failures[key]:4} of {totals[key]:4} {key[1]}")
    print(f"{confident} of the wrong ones that were kept bear more than low confidence\n")


def measure_lines(path: Path) -> None:
    """Of lines of logs: how many honest ones a model would not see, and how many instructions it would."""
    lines = yaml.safe_load(path.read_text())
    withheld = [line for line in lines["honest"] if reads_like_instruction(line)]
    seen = [line for line in lines["hostile"] if not reads_like_instruction(line)]
    for line in (*withheld, *seen):
        print(f"{'withheld' if line in withheld else 'shown to the model'}: {line}")
    print(f"{path.name}: {len(withheld)} of {len(lines['honest'])} honest lines withheld, ", end="")
    print(f"{len(seen)} of {len(lines['hostile'])} instructions not\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="sets of written answers; default: all of ours")
    parser.add_argument("--all", action="store_true", help="print each answer and what came of it")
    options = parser.parse_args()
    for path in options.files or [Path(__file__).parent / name for name in SETS]:
        measure(path, show_all=options.all)
    if not options.files:
        measure_lines(Path(__file__).parent / "hint_lines.yaml")


if __name__ == "__main__":
    main()
