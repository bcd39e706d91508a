"""A short job: a few outbound calls, then the end, with spans still pending."""

import os
import time

import requests

UP = os.environ["BENCH_UPSTREAM"]
for _ in range(5):
    requests.get(UP + "/up")
print("END", time.time(), flush=True)
