"""Runs command lines of the scripts one after another in one process, because starting each costs seconds.

usage: script_driver.py LINES OUTCOMES    (JSON: a list of lists of words, and what came of each)
"""

import contextlib
import importlib
import io
import json
import sys
import time
import traceback
from pathlib import Path

from flags.cli import run_script
from flags.scripts import SCRIPTS

BY_NAME = {script.name: script for script in SCRIPTS}


def run(words):
    script = BY_NAME[words[0]]
    out, err = io.StringIO(), io.StringIO()
    started = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        main = importlib.import_module(Path(script.name).stem).main
        try:
            status = run_script(script.definitions, main, positionals=script.positionals, argv=words)
        except Exception:
            status = 1
            traceback.print_exc()
    return {
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "seconds": time.monotonic() - started,
        "imported": [name for name in ("tensorflow", "keras") if name in sys.modules],
    }


if __name__ == "__main__":
    lines, outcomes = map(Path, sys.argv[1:])
    outcomes.write_text(json.dumps([run(words) for words in json.loads(lines.read_text())]))
