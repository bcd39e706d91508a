"""Starts each command that it is given, as a supervisor does, and ends when they have ended."""

import shlex
import subprocess
import sys

children = [subprocess.Popen(shlex.split(command)) for command in sys.argv[1:]]
sys.exit(max(child.wait() for child in children))
