"""The command line: one adapter over the library. It needs the extra `cli`.

A command is a function of few lines in a module of its kind; `app` registers it, `execution.execute` runs it on an
event loop, `failure` alone turns what it raises into a message and an exit code, and a display shows what goes on.
Answers go to stdout, talk to stderr.
"""
