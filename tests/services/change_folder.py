"""Goes to another folder, and makes one span there, one in a process of its own, and one in a fork."""

import os
import subprocess
import sys

os.chdir("/")

import child_task  # type: ignore[import-not-found]  # the tests put it on the path

child_task.work()
subprocess.run([sys.executable, "-c", "import child_task; child_task.work()"], check=True)
if os.fork() == 0:
    child_task.work()
else:
    os.wait()
