"""As few settings as a project can have."""

SECRET_KEY = "not a secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_project.urls"
# A tuple, which is as good as a list.
MIDDLEWARE = ("django.middleware.common.CommonMiddleware",)
