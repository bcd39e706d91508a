FROM python:3.13
RUN <<EOF
set -e
python -m venv /venv
/venv/bin/pip install -r requirements.txt
rm -rf /tmp/*
EOF
COPY <<-"FILE" /etc/shop.conf
	CMD ["python", "not-this.py"]
	FILE
CMD ["/venv/bin/gunicorn", "shop.wsgi"]
