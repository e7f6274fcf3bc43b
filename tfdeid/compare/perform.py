"""What `tfdeid compare` does: says what it costs, runs what is not kept, and puts the figures together."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from tfdeid.commandline import writing
from tfdeid.compare import compare_json
from tfdeid.compare.collect import collect
from tfdeid.compare.figures import RISKS, Comparison, MethodFigures
from tfdeid.compare.methods import Method, suiting, with_ceiling
from tfdeid.compare.mosaics import beside, mosaics_of
from tfdeid.compare.plan import Question, Row, nothing_to_train_for, plan
from tfdeid.compare.recommend import Limits, recommend
from tfdeid.compare.text import text
from tfdeid.errors import DeidError, reason
from tfdeid.experiments.parts import Part, Result, Training
from tfdeid.experiments.parts.identifying import knows_faces
from tfdeid.experiments.run import cost, run_parts
from tfdeid.experiments.workshop import Workshop


def perform(
    question: Question,
    methods: Sequence[Method],
    limits: Limits,
    workshop: Workshop,
    folder: pathlib.Path,
    kept: bool = False,
    unasked: bool = False,
    command: str = "",
) -> int:
    """Compares methods, prints the table and writes compare.json, compare.png and compare.html.

    Args:
      question: what is asked.
      methods: what is compared; `plain` is added where it is not among them.
      limits: what a recommended method must keep to.
      workshop: where parts are kept.
      folder: for the files.
      kept: run nothing, and show what is kept.
      unasked: the methods are our own choice, of which those are left out that don't suit the images.
      command: what repeats it.

    Returns:
      The exit code: 1 if a part failed, which its row says.

    Raises:
      DeidError: the source, or a feature of it, is not there; a method does not suit the images; nothing is kept.
    """
    side = workshop.side(question.dataset)
    chosen, left_out = suiting(methods, side) if unasked else (list(methods), [])
    untrained = nothing_to_train_for(question, workshop)
    limits.check(not untrained, question.identity is not None)
    rows = plan(question, with_ceiling(chosen), workshop, untrained)
    parts = list(dict.fromkeys(part for row in rows for part in row.parts))
    missing = [part for part in parts if not part.is_kept(workshop)]
    print(beginning(question, rows, missing, workshop, untrained, kept), flush=True)
    failures: dict[Part, str] = {}

    def note(part: Part, error: Exception) -> None:
        failures[part] = str(error) if isinstance(error, DeidError) else reason(error)
        print(f"FAILED, and the others go on: {failures[part]}", flush=True)

    results = run_parts([part for part in parts if not (kept and part in missing)], workshop, note)
    if kept and not results:
        raise DeidError(f"{workshop.folder} has none of the parts that these methods and this key make.")
    sentences = [*left_out, *filter(None, [untrained])]
    if question.identity and not knows_faces():
        sentences.append("faces are looked at without dlib's recognizer, which knows most of them: pip install 'tfdeid[faces]'")
    if kept and missing:
        sentences.append(f"{len(missing)} of {len(parts)} parts are missing; the same command without --kept runs them")
    figures = [collect(row, results, failures, workshop) for row in rows]
    comparison = assemble(question, figures, sentences, limits, about(question, results, workshop), command)
    print(f"\n{text(comparison)}")
    with writing(folder, "output_dir"):
        paths = write(comparison, folder)
    print(f"\nwrote {', '.join(map(str, paths))}. The page shows original images and is for you alone (0600)")
    if failures:
        print(f"FAILED: {len(failures)} of {len(parts)} parts, for the reasons above; the same command tries them again")
    return 1 if failures else 0


def beginning(
    question: Question, rows: Sequence[Row], missing: Sequence[Part], workshop: Workshop, untrained: str, kept: bool
) -> str:
    """Returns what is about to be done and what it will cost."""
    source, splits = workshop.source(question.dataset), workshop.splits(question.dataset)
    parts = list(dict.fromkeys(part for row in rows for part in row.parts))
    trainings = sum(isinstance(part, Training) for part in parts)
    networks = f"{trainings} networks to train" if trainings else "no network to train"
    lines = [
        f"{len(rows)} methods on {question.dataset}: {source.splits[splits.train]:,} images to train on (and for attackers), "
        f"{source.splits[splits.test]:,} to test on and to attack; scale {question.scale.name}",
        *filter(None, [untrained]),
    ]
    if kept:
        lines.append(f"{len(parts) - len(missing)} of {len(parts)} parts are kept, and shown; nothing is run")
    else:
        said = cost(question.scale, missing, workshop) if missing else "nothing to run"
        old = f"{len(parts) - len(missing)} of them kept from earlier"
        lines.append(f"{networks} and {len(parts) - trainings} attacks, {old}; {said}")
        lines.append(f"what is finished is kept in {workshop.folder}: the same command goes on after an interruption")
    return "\n".join(lines)


def assemble(
    question: Question,
    methods: Sequence[MethodFigures],
    sentences: Sequence[str],
    limits: Limits,
    about: Sequence[tuple[str, str]],
    command: str,
) -> Comparison:
    """Returns a comparison: the mosaic beside each method, and the recommendation, are worked out.

    Args:
      question: what was asked.
      methods: what they came to.
      sentences: what is said already.
      limits: what a recommended method must keep to.
      about: what a reader wants to know of how it was made.
      command: what repeats it.
    """
    mosaics = mosaics_of(methods)
    said = list(sentences)
    hidden = [method for method in methods if not method.is_plain and not method.is_mosaic]
    if mosaics is None and hidden:
        said.append("no mosaic has figures to hold the others to: --methods with pixelate:cells=8,pixelate:cells=16 runs some")
    if mosaics is not None and mosaics.equal != "accuracy":
        said.append("without accuracies, the mosaic beside each method is the one that is linked as often")
    found = [
        dataclasses.replace(method, beside=beside(method, mosaics)) if mosaics is not None and method in hidden else method
        for method in methods
    ]
    recommendation, recommended = recommend(found, limits) if limits else ("", None)
    return Comparison(
        dataset=question.dataset,
        scale=question.scale.name,
        about=about,
        methods=found,
        risks=[name for name in RISKS if any(name in method.risks for method in found)],
        has_accuracy=any(method.accuracy is not None for method in found),
        sentences=said,
        recommendation=recommendation,
        recommended=recommended,
        command=command,
    )


def about(question: Question, results: dict[Part, Result], workshop: Workshop) -> list[tuple[str, str]]:
    """Returns what a reader wants to know of how a comparison was made."""
    source, splits = workshop.source(question.dataset), workshop.splits(question.dataset)
    lines = [
        ("source version", source.version),
        ("train split", f"{splits.train}, {source.splits[splits.train]:,} images"),
        ("test split", f"{splits.test}, {source.splits[splits.test]:,} images"),
        ("key fingerprint", workshop.key.fingerprint),
    ]
    asked = {"identity": question.identity, "text": question.text, "sensitive": question.sensitive}
    lines += [(name, feature) for name, feature in asked.items() if feature is not None]
    trainings = [part for part in results if isinstance(part, Training)]
    if trainings:
        lines.append(("training", " ".join(trainings[0].all_options(workshop))))
        lines.append(("seeds", ", ".join(str(seed) for seed in sorted({part.seed for part in trainings}))))
    return lines


def write(comparison: Comparison, folder: pathlib.Path) -> list[pathlib.Path]:
    """Writes compare.json, compare.png and compare.html; returns their paths."""
    from tfdeid.compare import page, plot  # Late: matplotlib takes a second.

    picture = folder / "compare.png"
    paths = [compare_json.write(comparison, folder), picture]
    plot.draw(comparison, picture)
    return [*paths, page.write(comparison, folder)]
