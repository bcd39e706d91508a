"""``python -m platform_otel`` is ``platform-trace``."""

from platform_otel.launcher import main

main()
