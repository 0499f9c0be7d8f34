"""The Debian package: built, unpacked into a clean root, its parts looked at by those who will read them."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import yaml

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **how):
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="keyfob-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        (cls.folder / "bin").symlink_to(harness.BIN)
        made = run(ROOT / "packaging" / "build_deb", cls.folder)
        assert made.returncode == 0, made
        cls.deb = made.stdout.strip()
        cls.root = cls.folder / "root"
        assert run("dpkg-deb", "-x", cls.deb, cls.root).returncode == 0

    def test_its_version_is_the_programs(self):
        version = run("dpkg-deb", "-f", self.deb, "Version").stdout.strip()
        self.assertEqual(run(self.root / "usr/bin/keyfob", "version").stdout.strip(), f"keyfob {version}")

    def test_programs_pages_completion_unit_and_example_are_in_it(self):
        for name in ("usr/bin/keyfob", "usr/bin/smartcar-sim", "usr/share/man/man1/keyfob.1.gz",
                     "usr/share/bash-completion/completions/keyfob", "usr/lib/systemd/system/keyfob.service",
                     "usr/lib/systemd/system/keyfob.socket", "usr/lib/sysusers.d/keyfob.conf",
                     "etc/keyfob/keyfob.toml.example"):
            self.assertTrue((self.root / name).is_file(), name)

    def test_the_example_is_a_configuration_that_the_program_takes(self):
        done = run(self.root / "usr/bin/keyfob", "--config", self.root / "etc/keyfob/keyfob.toml.example", "provider", "list")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_scripts_are_sound_and_a_purge_keeps_what_opens_cars(self):
        for script in ("postinst", "prerm", "postrm"):
            self.assertEqual(run("sh", "-n", ROOT / "packaging" / "debian" / script).returncode, 0, script)
        self.assertNotIn("rm -r", (ROOT / "packaging/debian/postrm").read_text())

    def test_systemd_accepts_the_units(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        done = run("systemd-analyze", "verify", f"--root={self.root}", "keyfob.service", "keyfob.socket")
        # The root holds nothing but the package: no target of systemd's own, no /bin/kill.
        of_the_root = ("sysinit.target not found", "/bin/kill is not executable")
        ours = [line for line in done.stderr.splitlines() if not any(word in line for word in of_the_root)]
        self.assertEqual(ours, [], done)

    def documents(self):
        text = (ROOT / "packaging" / "kubernetes" / "keyfob.yaml").read_text()
        return {f"{d['kind']} {d['metadata']['name']}": d for d in yaml.safe_load_all(text)}

    def test_the_manifests_hang_together(self):
        documents = self.documents()
        nodes = documents["StatefulSet keyfob"]["spec"]
        pod = nodes["template"]["spec"]
        container = pod["containers"][0]
        self.assertEqual({"ConfigMap keyfob", "Service keyfob", f"Service {nodes['serviceName']}", "ServiceAccount keyfob",
                          "PodDisruptionBudget keyfob"} - documents.keys(), set())
        labels = nodes["template"]["metadata"]["labels"]
        for selecting in ("Service keyfob", "Service keyfob-nodes"):
            self.assertEqual(documents[selecting]["spec"]["selector"], labels)
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        volumes = {v["name"] for v in pod["volumes"]} | {v["metadata"]["name"] for v in nodes["volumeClaimTemplates"]}
        self.assertEqual(mounted, volumes)
        port = container["ports"][0]
        self.assertIn(f":{port['containerPort']}\"", documents["ConfigMap keyfob"]["data"]["keyfob.toml"])
        for probe in ("readinessProbe", "livenessProbe"):
            self.assertEqual(container[probe]["httpGet"]["port"], port["name"])

    def test_the_page_about_kubernetes_makes_the_secrets_that_the_manifest_wants(self):
        pod = self.documents()["StatefulSet keyfob"]["spec"]["template"]["spec"]
        wanted = {(v["valueFrom"]["secretKeyRef"]["name"], v["valueFrom"]["secretKeyRef"]["key"]) for v in pod["containers"][0]["env"]}
        page = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
        self.assertEqual(set(re.findall(r"create secret generic (\S+) --from-file=([^=]+)=", page)), wanted)
        certificates = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
        self.assertEqual(re.findall(r"create secret tls (\S+) ", page), certificates)

    def test_a_pod_has_time_for_its_drain(self):
        documents = self.documents()
        text = documents["ConfigMap keyfob"]["data"]["keyfob.toml"]
        drain = sum(int(seconds) for seconds in re.findall(r'(?m)^drain_\w+ = "(\d+)s"$', text))
        self.assertGreater(documents["StatefulSet keyfob"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], drain)

    def test_the_manifests_configuration_runs_with_the_key_that_init_made_in_a_variable(self):
        """As the pod has it, but for the addresses of its machine and a store that is here."""
        world = harness.World()
        self.addCleanup(world.close)
        text = self.documents()["ConfigMap keyfob"]["data"]["keyfob.toml"]
        harness.self_signed(world.root)
        for there, here in (("0.0.0.0:7420", "127.0.0.1:0"), ("/run/keyfob/tls", str(world.root)),
                            ("/var/lib/keyfob/state", str(world.home / "state")),
                            ("postgresql://keyfob@postgres/keyfob?target_session_attrs=read-write", f"sqlite:{world.database}")):
            self.assertIn(there, text)
            text = text.replace(there, here)
        world.config_file.write_text(text)
        (key := world.home / "keyfob.key").rename(world.root / "kept")
        environment = os.environ | {"KEYFOB_MASTER_KEY": (world.root / "kept").read_text()}
        self.assertFalse(key.exists())
        daemon = harness.Program([harness.BIN / "keyfob", "--config", world.config_file, "serve"], world.root / "log",
                                 r"keyfob listening on (https://\S+)", environment)
        self.addCleanup(daemon.kill)
        self.assertEqual(run("curl", "-sk", f"{daemon.origin}/readyz").stdout, "ready\n")


if __name__ == "__main__":
    harness.main()
