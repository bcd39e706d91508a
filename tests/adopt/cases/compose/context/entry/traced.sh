#!/bin/sh
exec platform-trace -- "$@"
