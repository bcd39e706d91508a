"""Prints its command line, and the name that its traces carry with where that comes from, as JSON."""

import json
import sys

from platform_otel.process.service_name import name_of_this_process

print(json.dumps([sys.orig_argv, *name_of_this_process()]))
