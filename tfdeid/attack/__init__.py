"""What an adversary recovers of de-identified images.

`base` has what an attacker and a linker derive from; each is a file in `attackers` or `linkers`, and `adversaries` names all. A
`case` is what is attacked. The `engine` gives each what it is said to know; `truth` and `linking` measure what they got, which
`text`, `attack_json` and `attack_html` show, in the words of `sentences`. Other modules are what several attackers share, or
what one of them takes apart: `features` of records, the `warp` of axes, `half_bytes` of blocks.
"""
