"""A run's row says what it was made on."""
import os
import shutil
import subprocess
import tempfile
import unittest

from revision import revision


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class RevisionTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "tree")
        os.mkdir(self.folder)

    def git(self, *words):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        done = subprocess.run(["git", *who, "-C", self.folder, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, text):
        with open(os.path.join(self.folder, "file"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_tree_as_committed_is_its_commit_and_a_changed_one_has_a_plus(self):
        self.git("init", "-q")
        self.write("as committed")
        self.git("add", "file")
        self.git("commit", "-q", "-m", "first")
        commit = self.git("rev-parse", "--short", "HEAD")
        self.assertEqual(revision(self.folder), commit)
        self.write("changed")
        self.assertEqual(revision(self.folder), commit + "+")

    def test_a_folder_without_git_is_nothing(self):
        self.assertEqual(revision(self.folder), "-")
        self.assertEqual(revision(os.path.join(self.folder, "nowhere")), "-")


if __name__ == "__main__":
    unittest.main()
