# SPDX-License-Identifier: GPL-2.0-only
"""What was asked, and what came of it: a line as soon as it is known."""

from __future__ import annotations

import time


class Report:
    """Answers.

    Attributes:
        failed: names of the questions whose answer was wrong.
        count: of all questions.
    """

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.count = 0
        self._began = time.monotonic()

    def check(self, name: str, wrong: str) -> None:
        """Note an answer: what is wrong, "" when nothing is."""
        self.count += 1
        seconds = time.monotonic() - self._began
        print(f"{'FAILED' if wrong else 'ok':6} {seconds:6.0f} s  {name}", flush=True)
        if wrong:
            self.failed.append(name)
            print("\n".join(f"  {line}" for line in wrong.strip().splitlines()[-25:]), flush=True)

    def take(self, line: str) -> None:
        """Note an answer that the guest gave; what else it says is shown."""
        word, _, rest = line.partition(" ")
        if word == "ok":
            self.check(rest, "")
        elif word == "FAILED":
            name, _, wrong = rest.partition(": ")
            self.check(name, wrong or "no reason given")
        elif line.strip():
            print(f"  {line}", flush=True)

    def verdict(self) -> int:
        """Say the sum; the exit code."""
        seconds = time.monotonic() - self._began
        print(f"{self.count - len(self.failed)} of {self.count} answers are right, in {seconds:.0f} s")
        return 1 if self.failed else 0
