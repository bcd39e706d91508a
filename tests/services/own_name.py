"""Prints its command line, and the name that its traces carry with where that comes from, as JSON."""

import json
import os
import sys

from platform_otel.process.service_name import service_name

print(json.dumps([sys.orig_argv, *service_name(os.environ, sys.orig_argv)]))
