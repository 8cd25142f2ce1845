"""The archive that scripts/bundle makes, unpacked elsewhere, without this machine's libraries."""

import shutil
import subprocess
import unittest
from pathlib import Path

import runs

# What may lie outside of the bundle: the C library, and MPI with what that links.
OF_THE_MACHINE = (
    "ld-linux", "libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "libresolv.so",
    "libutil.so", "libmpi.so", "libopen-rte.so", "libopen-pal.so", "libhwloc.so", "libevent",
    "libudev.so", "libz.so", "libnl", "libcap.so")


@unittest.skipUnless(shutil.which("patchelf"), "patchelf is not installed")
class BundleTests(unittest.TestCase):
    def test_a_bundle_runs_from_another_folder_with_nothing_but_mpi(self):
        scratch = runs.scratch_folder(type(self))
        archive = scratch / "prdp.tar.gz" if not shutil.which("zstd") else scratch / "prdp.tar.zst"
        subprocess.run(
            [runs.ROOT / "scripts/bundle", "--program", runs.PRDP, "--output", archive.name],
            cwd=scratch, check=True, timeout=300)
        subprocess.run(["tar", "-xf", archive, "-C", scratch], check=True, timeout=120)
        archive.unlink()
        bundle = scratch / "prdp"
        program = bundle / "bin/prdp"
        # A libc10 that somebody's modules put before all others must not be taken.
        foreign = scratch / "foreign"
        foreign.mkdir()
        (foreign / "libc10.so").touch()
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(scratch), "LD_LIBRARY_PATH": str(foreign)}

        linked = subprocess.run(
            ["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
        self.assertNotIn("not found", linked)
        for line in linked.splitlines():
            name, _, path = line.strip().partition(" => ")
            if path and not path.startswith(str(bundle)):
                self.assertTrue(Path(name).name.startswith(OF_THE_MACHINE), line)
        self.assertEqual(
            [path.name for path in (bundle / "lib").iterdir()
             if path.name.startswith(("libc.so", "libmpi"))], [])

        version = subprocess.run(
            [program, "--version"], env=environment, capture_output=True, text=True, cwd="/")
        self.assertEqual((version.returncode, version.stderr), (0, ""))
        settings = {
            **runs.SMALL, "model.path": "Sources/Scenes/Resources/tiny-diffusion",
            "run.output": scratch / "run", "run.epochs": 1}
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        run = subprocess.run(
            [program, "launch", *words], cwd=bundle, env=environment, capture_output=True,
            text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertTrue(Path(scratch, "run/summary.json").exists())
