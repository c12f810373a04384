"""What a run was made on."""
import subprocess


def revision(folder):
    """The short id of the commit that lies in `folder`, with a + where anything there is not as it was committed; - where there
    is no git, or none that would say."""
    def git(*words):
        return subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=True).stdout.strip()
    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "-"
