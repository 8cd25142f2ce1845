"""Folders and files with names that a shell would take for more: taken as they are, or refused."""

import shutil
import unittest
from pathlib import Path

import runs
from hosts import Hosts

CANARY = "prdp-canary"

# A path's worth of what shells, mpirun and ssh could take for something else.
HOSTILE = [
    "two words",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"a; touch {CANARY}; b",
    f"'; touch {CANARY}; '",
    f"\" || touch {CANARY} \"",
    f"a\ntouch {CANARY}\n",
    "-rf",
    "*?[a]{b,c}~#!%h",
    "back\\slash",
    "größe 图",
]


def setUpModule():
    global hosts
    hosts = Hosts(2)
    unittest.addModuleCleanup(hosts.down)


def canaries():
    """The canary files that there are where a shell of any host could have made one."""
    roots = [hosts.shared, *(hosts.private(name) for name in hosts.names)]
    flat = [Path.home(), runs.ROOT, Path("/")]
    return [
        *(str(path) for root in roots for path in root.rglob(CANARY)),
        *(str(root / CANARY) for root in flat if (root / CANARY).exists())]


class NameTests(unittest.TestCase):
    def test_a_shell_reads_no_name(self):
        """Each run of two hosts, all of whose paths and whose working folder have a hostile name."""
        for index, name in enumerate(HOSTILE):
            with self.subTest(name=name):
                folder = hosts.shared / f"names-{index}" / name
                folder.mkdir(parents=True)
                config = folder / f"{name}.yaml"
                shutil.copy(runs.ROOT / "cluster.yaml", config)
                prompts = folder / f"{name}.txt"
                shutil.copy(runs.ROOT / runs.TINY["data.prompts"], prompts)
                model = folder / f"model {name}"
                shutil.copytree(runs.MODEL, model)
                output = folder / f"run {name}"

                def quoted(path):
                    text = str(path).replace("\\", "\\\\").replace("\"", "\\\"")
                    return '"' + text.replace("\n", "\\n") + '"'

                run = hosts.run(
                    {
                        "run.epochs": 1, "run.output": quoted(output), "model.path": quoted(model),
                        "data.prompts": quoted(prompts)},
                    config=config, within=("env", "-C", folder))
                code = run.wait()
                self.assertIn(code, (0, 2), run.text())
                self.assertEqual(canaries(), [], run.text())
                if code == 0:
                    self.assertTrue((output / "summary.json").exists(), run.text())
                print(f"\n  {name!r}: {'taken' if code == 0 else 'refused'}")
                if code == 2:
                    print("  " + run.text().strip().splitlines()[-1])

    def test_a_value_that_a_shell_would_read_is_refused(self):
        """What goes into mpirun's arguments and to other hosts' shells as it stands."""
        hostile = f"$(touch {CANARY})"
        for key, value in [
            ("cluster.hosts", f"[{{name: h1}}, {{name: \"{hostile}\"}}]"),
            ("cluster.network", f"\"{hostile}\""),
            ("cluster.mca", f"{{plm_rsh_agent: \"{hostile}\"}}"),
            ("cluster.mca", f"{{\"{hostile}\": 1}}"),
            ("cluster.environment", f"[\"{hostile}\"]"),
        ]:
            with self.subTest(key=key, value=value):
                run = hosts.run({"run.output": hosts.shared / "refused", key: value})
                self.assertEqual(run.wait(), 2, run.text())
                self.assertIn(key, run.text())
                self.assertEqual(canaries(), [])
