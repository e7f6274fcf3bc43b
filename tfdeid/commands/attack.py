"""`tfdeid attack`: tries what an adversary would recover of a dataset, for its owner."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from tfdeid.attack.adversaries import OPTIONS, attackers, in_order, linkers
from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.commandline import absolute, absolute_key, command, writable_folder, writing
from tfdeid.commands.image_options import add_reference
from tfdeid.data.sources import absolute_dataset, references
from tfdeid.errors import DeidError, unknown_name
from tfdeid.key import Key
from tfdeid.parser import Parser
from tfdeid.terminal import import_tensorflow_for_attackers

_EPILOG = """\
Every attacker has the records, the published configuration and public images of the same kind. Those named known_plaintext_N
also know N originals with their records, chosen_plaintext has images of its choice de-identified, and key_known has the key,
which shows what is lost for good. An attacker that gets little proves nothing: a better one may do more. One that can't be
carried out, or makes what is no image and no number, is shown as failed, and the others go on.

The exit code is 0 if the attack was carried out, whatever came of it, and 2 after a mistake. With --fail_if_gap_closed X it is
1 if an attacker without the key closes at least the share X of the gap between the record's SSIM to the original and that of
the ceiling: the vectorised image after the cleaning that attackers use ("gap to cleaned" in the table, gap_closed_cleaned in
attack.json), or for schemes that do not trace, the original reduced to the input size. Attackers that know pairs, or have
images of their choice de-identified, count too, since they have no key. So do all attackers where there is no gap, since
records are as near to the originals as the ceiling is. One of them that could not be carried out makes it 1 too. Linkage does
not count.

Attackers: {attackers}.

Linkers: {linkers}.
"""


class _Help(argparse.HelpFormatter):
    """Wraps each paragraph of a longer text by itself, and names attackers and linkers: others' are imported for that."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        named = text.replace("{attackers}", ", ".join(attackers())).replace("{linkers}", ", ".join(linkers()))
        return "\n\n".join(fill(part, width, indent) for part in named.strip().split("\n\n"))

    # Options from a dataclass lie in it, and say no default by themselves.

    def _get_default_metavar_for_optional(self, action: argparse.Action) -> str:
        return action.dest.rpartition(".")[2].upper()

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return f"{action.help} (default: %(default)s)" if "." in action.dest else action.help


def run(argv: Sequence[str], program: str) -> int:
    arguments = make_parser(program).parse(argv)
    asked = _asked_for(arguments)
    threshold = arguments.fail_if_gap_closed
    if threshold is not None and not 0 < threshold <= 1:
        raise DeidError(f"fail_if_gap_closed must be in (0, 1], fail_if_gap_closed was {threshold}.")
    folder = writable_folder(arguments.output_dir, "output_dir")
    try:
        import_tensorflow_for_attackers()
        from tfdeid.attack import attack_html, attack_json, perform, questions, text  # Late: loads scipy and TensorFlow.

        target = perform.Target(
            arguments.dataset,
            arguments.originals,
            arguments.data_dir,
            arguments.originals_data_dir,
            arguments.split,
            arguments.num_images,
            arguments.num_public,
            arguments.seed,
            arguments.reference,
        )
        also = [name for name in OPTIONS if vars(arguments)[name]]
        key = Key.load(arguments.key)
        further = questions.prepare(
            target,
            key,
            questions.Asked(
                arguments.identity, arguments.identity_options, arguments.text, arguments.sensitive, "learned_inversion" in also
            ),
        )
        findings = perform.answering(perform.perform(target, key, asked, also, threshold is not None), further)
    except KeyboardInterrupt:
        raise DeidError("interrupted. Nothing was written.") from None
    about = findings.about
    print(f"{about['dataset']}, split {about['split']}, key fingerprint {about['key_fingerprint']}")
    print(text.text(findings))
    with writing(arguments.output_dir, "output_dir"):
        paths = attack_html.write(findings, folder, repeating(arguments)), attack_json.write(findings, folder)
    print(f"\nwrote {paths[0]}, which shows original images and is for you alone (0600), and {paths[1]}, without pictures")
    return 0 if threshold is None else perform.passes(findings, threshold)


def _asked_for(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the names given; None for the default."""
    if arguments.attackers is None:
        return None
    known = in_order()
    names = [*arguments.attackers.split(","), *(name for name in OPTIONS if vars(arguments)[name])]
    for name in names:
        if name not in known:
            raise unknown_name("attacker", name, known)
    return names


_PATHS: dict[str, Callable[[str], str]] = {
    "dataset": absolute_dataset,
    "originals": absolute_dataset,
    "data_dir": absolute,
    "originals_data_dir": absolute,
    "output_dir": absolute,
    "key": absolute_key,
}


def repeating(arguments: argparse.Namespace) -> str:
    """Returns what repeats an attack, from every folder. A key has only its reference here."""
    lines = ["tfdeid attack"]
    given = {**vars(arguments), **dataclasses.asdict(arguments.identity_options)}
    del given["identity_options"]
    for name, value in given.items():
        if value is None or value is False:
            continue
        words = [] if value is True else [_PATHS.get(name, str)(value)]
        lines.append(command(f"--{name}", *words))
    return " \\\n    ".join(lines)


def make_parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Attack a de-identified dataset of yours, and say in figures, pictures and one sentence what is recovered. The key "
        "only tells which original a record was made of, to judge what attackers make; they do not get it.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("--dataset", required=True, help="as for tfdeid.load: cifar10_deid, or cifar10_deid/structural_50_224")
    parser.add_argument("--originals", required=True, help=f"what it was made of: {references()}")
    parser.add_argument("--data_dir", help="TFDS data directory that holds --dataset (default: TFDS's own)")
    parser.add_argument("--originals_data_dir", help="TFDS data directory that --originals is read from (default: TFDS's own)")
    parser.add_argument("--split", help="split that is attacked (default: test, or the first where there is none)")
    parser.add_argument("--key", help="reference of the dataset's key (default: ~/.config/tfdeid/key)")
    parser.add_argument("--num_images", type=int, default=2000, help="records to attack, at most all (default: %(default)s)")
    parser.add_argument(
        "--num_public",
        type=int,
        default=10_000,
        help="public images for attackers, at most so many: from other splits of --originals, or else what is left of this one "
        "(default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws (default: %(default)s)")
    add_reference(parser)
    parser.add_argument(
        "--output_dir", default="attacked", help="folder for attack.html and attack.json (default: %(default)s)"
    )
    parser.add_argument(
        "--attackers",
        metavar="A,B,...",
        help=f"comma-separated attackers and linkers (default: all that suit the scheme, but for {', '.join(OPTIONS)})",
    )
    for name, said in OPTIONS.items():
        parser.add_argument(f"--{name}", action="store_true", help=said)
    parser.add_argument(
        "--identity",
        metavar="FEATURE",
        help="also look for people: the feature of --originals that says who is in an image, which is no part of the dataset; "
        "for folders `folder`, the one that an image lies in",
    )
    parser.add_argument(
        "--text",
        metavar="FEATURE",
        help="feature of --originals that holds what is written in the images: also read records (needs tfdeid[ocr])",
    )
    parser.add_argument(
        "--sensitive",
        metavar="FEATURE",
        help="another label of --originals: also train networks that infer it from records, which takes minutes",
    )
    parser.add_arguments(IdentityOptions, dest="identity_options")
    parser.headings["identity_options"] = "with --identity"
    parser.add_argument(
        "--fail_if_gap_closed",
        type=float,
        metavar="X",
        help="exit with 1 if an attacker without the key closes at least this share of the gap, in (0, 1]; see below",
    )
    return parser
