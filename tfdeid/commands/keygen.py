"""`tfdeid keygen`: writes a new key."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfdeid.commandline import absolute_key, command, writing
from tfdeid.errors import DeidError
from tfdeid.key import Key, default_key_path
from tfdeid.parser import Parser
from tfdeid.redaction import looks_like_key


def run(argv: Sequence[str], program: str) -> int:
    parser = Parser(program, "Write a new key to a file that only you can read.")
    parser.add_argument("--output", help="the new file (default: ~/.config/tfdeid/key)")
    given = parser.parse(argv).output
    output = str(default_key_path()) if given is None else given
    if looks_like_key(os.path.basename(output)) or (os.sep not in output and looks_like_key(output)):
        raise DeidError("output must name the new file, and what was given looks like the text of a key. Choose another name.")
    key = Key.generate()
    with writing(output, "output"):
        try:
            key.save(output)
        except FileExistsError:
            raise DeidError(f"{output} exists, and keys are never overwritten. Choose another --output.") from None
    print(f"wrote {output} (fingerprint {key.fingerprint}). Keep it: nothing else can repeat or check what it makes.")
    print(f"next: {command('python', '-m', 'beam.deid', '--key', absolute_key(output))}")
    return 0
