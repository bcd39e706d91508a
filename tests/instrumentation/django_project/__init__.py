"""A Django project without a word of tracing, laid out as `django-admin startproject` does."""
