# Two stages: what installs stays behind. Everything that is installed comes from the hashed lock files.
# The base moves with Python's and Debian's security fixes; who wants the same bytes each time builds with the digest that
# the registry has today: --build-arg PYTHON=3.11-slim@sha256:…
ARG PYTHON=3.11-slim

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/okra
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN /opt/okra/bin/pip install --require-hashes -r requirements/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY okra okra
RUN /opt/build/bin/python -m hatchling build -t wheel -d /opt/wheel \
    && /opt/okra/bin/pip install --no-deps /opt/wheel/*.whl \
    && /opt/okra/bin/pip uninstall --yes pip setuptools \
    && /opt/okra/bin/python -m compileall -q /opt/okra/lib

FROM python:${PYTHON}
# Nothing in the image installs anything: the base's own pip goes too, and the copy of it that ensurepip keeps.
RUN python -m pip uninstall --yes pip setuptools wheel && rm -rf /usr/local/lib/python3*/ensurepip
COPY --from=build /opt/okra /opt/okra
ENV PATH=/opt/okra/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
WORKDIR /tmp
EXPOSE 8080
ENTRYPOINT ["okra"]
CMD ["controller"]
