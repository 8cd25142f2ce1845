"""Tests of whole runs: `python3 scripts/tests [--cluster] [NAME...]`, with the prdp that $PRDP names.

--cluster takes those on pretend machines, which need root and `scripts/setup --cluster`. A NAME is a
part of a test's name. The last line is `N passed, N failed`; what is skipped is neither.
"""

import signal
import sys
import time
import unittest
from pathlib import Path

# `timeout` sends TERM: then too scratch folders and pretend machines go away.
signal.signal(signal.SIGTERM, signal.default_int_handler)


class Result(unittest.TextTestResult):
    """Says how long each test took, and counts those that passed."""

    passed_count = 0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed_count += 1

    def stopTest(self, test):
        super().stopTest(test)
        self.stream.writeln(f"  took {time.monotonic() - self.started:.1f} s")


names = sys.argv[1:]
folder = Path(__file__).parent
if "--cluster" in names:
    names.remove("--cluster")
    folder /= "cluster"
loader = unittest.TestLoader()
if names:
    loader.testNamePatterns = [f"*{name}*" for name in names]
suite = loader.discover(str(folder), top_level_dir=str(folder))
result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(suite)
# A test counts once, however many of its cases fail.
failed = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
for test, reason in result.skipped:
    print(f"skipped: {test}: {reason}")
print(f"{result.passed_count} passed, {len(failed)} failed")
sys.exit(bool(failed) or result.passed_count + len(result.skipped) == 0)
