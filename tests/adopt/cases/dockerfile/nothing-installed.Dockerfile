FROM registry.example.com/python-base
COPY . .
CMD ["python", "app.py"]
