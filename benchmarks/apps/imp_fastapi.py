import fastapi_app  # noqa: F401  # importing it is all that is measured
