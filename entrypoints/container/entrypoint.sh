#!/bin/sh
# Becomes the command that the container is given, traced: same process, same signals, same exit code.
exec platform-trace -- "$@"
