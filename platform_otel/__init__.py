"""platform-trace: prefix a service's command, see its traces."""

__version__ = "0.1.0"
