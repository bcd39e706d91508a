"""A Celery application whose messages and results are files in the folder FOLDER."""

import os
from pathlib import Path

from celery import Celery  # type: ignore[import-untyped]  # comes without types

FOLDER = Path(os.environ["FOLDER"])

app = Celery("celery_tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    name: str(FOLDER / folder)
    for name, folder in (("data_folder_in", "queue"), ("data_folder_out", "queue"), ("control_folder", "control"))
}
app.conf.worker_prefetch_multiplier = 1
app.conf.task_ignore_result = True


@app.task  # type: ignore[untyped-decorator]  # the same
def work(number: int) -> None:
    (FOLDER / "done" / str(number)).touch()
