ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "django_app"
SECRET_KEY = "not a secret"
