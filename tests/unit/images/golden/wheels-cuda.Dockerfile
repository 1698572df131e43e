FROM python:3.11-slim AS wheels
USER 0:0
LABEL org.ckptmatrix.stage="05a332526403137f43bd1ed40f96e80f41b345892fc2170ebc0041fb3d2539a8"
COPY . /opt/context/
RUN set -e; \
    python="$(command -v python3.11 || command -v python3 || command -v python)" || exit 90; \
    "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "3.11")' || exit 92; \
    "$python" -m venv --without-pip /opt/cell || exit 91; \
    "$python" -m venv /opt/pip || exit 91; \
    export PIP_CONFIG_FILE=/opt/context/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1; \
    pip() { /opt/pip/bin/python -m pip "$@"; }; \
    pip install --no-cache-dir 'pip>=20.3'; \
    pip install --no-cache-dir --prefix=/opt/cell --ignore-installed --no-deps --require-hashes \
        --requirement=/opt/context/requirements.txt; \
    rm -rf /opt/pip
FROM python:3.11-slim
COPY --from=wheels /opt/cell /opt/cell
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
LABEL org.ckptmatrix.base="python:3.11-slim" \
      org.ckptmatrix.base-identity="sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
      org.ckptmatrix.cell="py3.11-torch2.6.0-cu12.4" \
      org.ckptmatrix.digest="05a332526403137f43bd1ed40f96e80f41b345892fc2170ebc0041fb3d2539a8" \
      org.ckptmatrix.inputs="f18059db3cfa90b310a4e77302d27b6e45bd1ab48114df6b29911c310082297a" \
      org.ckptmatrix.interpreter="/opt/cell/bin/python" \
      org.ckptmatrix.torch="2.6.0"
