"""One host that has other files than the rest, or does not answer: refused at once, by name."""

import shutil
import unittest

import runs
from hosts import Hosts, naming, seconds_until


def setUpModule():
    global hosts
    hosts = Hosts(3)
    unittest.addModuleCleanup(hosts.down)


class DifferenceTests(unittest.TestCase):
    """Each host's own /tmp has a copy of everything, and h2's is another."""

    def refuse(self, message, **options):
        """Requires a run to be refused with a message that names h2; returns the exit status."""
        settings = options.pop("settings", {})
        run = hosts.run({"run.output": hosts.shared / self.id(), **settings}, **options)
        code = run.wait()
        self.assertNotEqual(code, 0, run.text())
        self.assertRegex(run.text(), message)
        self.assertLess(run.seconds, 30, run.text())
        self.assertEqual(hosts.left_running(), [])
        print(f"\n  {message}: refused after {run.seconds:.1f} s")
        return code

    def copies(self, path, name):
        """Copies a file or folder to each host's /tmp; returns the copy on h2 and the path there."""
        for host in hosts.names:
            copy = hosts.private(host) / name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
        return hosts.private("h2") / name, f"/tmp/{name}"

    def test_another_model(self):
        copy, path = self.copies(runs.MODEL, "model")
        weights = copy / "vae/diffusion_pytorch_model.safetensors"
        contents = bytearray(weights.read_bytes())
        contents[-1] ^= 1
        weights.write_bytes(contents)
        self.assertEqual(self.refuse("model on h2", settings={"model.path": path}), 2)

    def test_another_scheduler(self):
        copy, path = self.copies(runs.MODEL, "rescheduled")
        settings = copy / "scheduler/scheduler_config.json"
        settings.write_text(settings.read_text().replace("epsilon", "v_prediction"))
        self.assertEqual(self.refuse("settings of the model on h2", settings={"model.path": path}), 2)

    def test_other_prompts(self):
        prompts = runs.ROOT / runs.TINY["data.prompts"]
        copy, path = self.copies(prompts, "prompts.txt")
        copy.write_text(copy.read_text() + copy.read_text().splitlines()[0] + "\n")
        self.assertEqual(self.refuse("data.prompts on h2", settings={"data.prompts": path}), 2)

    def test_another_configuration(self):
        copy, path = self.copies(runs.ROOT / "cluster.yaml", "cluster.yaml")
        copy.write_text(copy.read_text().replace("klLimit: null", "klLimit: 1000"))
        self.assertEqual(self.refuse("configuration on h2", config=path), 2)

    def test_another_binary(self):
        copy, path = self.copies(runs.PRDP, runs.PRDP.name)
        with copy.open("ab") as file:
            file.write(b"\0")
        self.assertEqual(self.refuse("program on h2", program=path), 2)

    def test_a_host_that_does_not_answer(self):
        hosts.call("crash", "h2")
        try:
            run = hosts.run({"run.output": hosts.shared / "absent", "cluster.fewerRanks": "false"})
            seconds = seconds_until(run, naming("h2"), 0, limit=30)
            # A host may be back later: bad input, 2, it is not.
            self.assertEqual(run.wait(), 255, run.text())
            print(f"\n  named after {seconds:.1f} s, ended after {run.seconds:.1f} s")
        finally:
            hosts.call("boot", "h2")
        self.assertEqual(hosts.left_running(), [])
