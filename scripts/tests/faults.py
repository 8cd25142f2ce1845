"""A disk that fails at a chosen change of a chosen rank: see faults.c."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")


def compiled(folder):
    """The library that makes a disk fail, in a folder of the test's."""
    library = Path(folder, "faults.so")
    subprocess.run(
        ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
         "-o", library, SOURCE, "-ldl"],
        check=True)
    return library


@dataclass
class Fault:
    """What happens to the change number `at`, counted from 1, of what lies below a folder."""

    library: Path
    folder: str
    kind: str = ""
    at: int = 0
    rank: int | None = None
    log: Path | None = None

    def environment(self):
        """The variables that a run gets."""
        variables = {
            "LD_PRELOAD": str(self.library), "FAULT_FOLDER": str(self.folder),
            "FAULT_AT": str(self.at), "FAULT_KIND": self.kind}
        if self.rank is not None:
            variables["FAULT_RANK"] = str(self.rank)
        if self.log is not None:
            variables["FAULT_LOG"] = str(self.log)
        return variables


def changes(log):
    """The changes in a log, as pairs of a name and a path."""
    return [tuple(line.split(" ", 2)[1:]) for line in Path(log).read_text().splitlines()]
