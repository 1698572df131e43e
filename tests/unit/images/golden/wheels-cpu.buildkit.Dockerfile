FROM python:3.11-slim
USER 0:0
RUN --mount=type=bind,target=/opt/context \
    --mount=type=cache,id=ckptmatrix-pip,target=/var/cache/ckptmatrix-pip \
    set -e; \
    python="$(command -v python3.11 || command -v python3 || command -v python)" || exit 90; \
    "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "3.11")' || exit 92; \
    "$python" -m venv --without-pip /opt/cell || exit 91; \
    "$python" -m venv /opt/pip || exit 91; \
    export PIP_CONFIG_FILE=/opt/context/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1; \
    pip() { /opt/pip/bin/python -m pip "$@"; }; \
    pip install --cache-dir=/var/cache/ckptmatrix-pip 'pip>=20.3'; \
    pip install --cache-dir=/var/cache/ckptmatrix-pip --prefix=/opt/cell --ignore-installed --no-deps --require-hashes \
        --requirement=/opt/context/requirements.txt; \
    rm -rf /opt/pip
LABEL org.ckptmatrix.base="python:3.11-slim" \
      org.ckptmatrix.base-identity="sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
      org.ckptmatrix.cell="py3.11-torch2.13.0-cpu" \
      org.ckptmatrix.digest="a68f88ce35880747c83e1eb58ecc16c9dd37c2331d428f0e4f3b877956827b0f" \
      org.ckptmatrix.inputs="7328e66c5a1ffaff8d596dedef0c5201783baacfe9e19108d62911b200ff470e" \
      org.ckptmatrix.interpreter="/opt/cell/bin/python" \
      org.ckptmatrix.torch="2.13.0"
