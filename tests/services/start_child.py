"""Starts one process of multiprocessing by the method that it is given, which makes one span."""

import multiprocessing
import sys

import child_task  # type: ignore[import-not-found]  # the tests put it on the path

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    process = multiprocessing.Process(target=child_task.work)
    process.start()
    process.join()
    sys.exit(process.exitcode)
