"""The commands, one a file. Each has `run(argv, program)`, which returns the exit code and raises DeidError for mistakes.

`tfdeid.cli` imports a command when it is asked for.
"""
