#!/bin/sh
case "$1" in
  gunicorn) python manage.py migrate ;;
esac
exec "$@"
