FROM python:3.6-slim AS wheels
USER 0:0
LABEL org.ckptmatrix.stage="2b49772627a597342017d95b2f4365ecf9e8322856c21a289218cd91aca167f9"
COPY . /opt/context/
RUN set -e; \
    python="$(command -v python3.6 || command -v python3 || command -v python)" || exit 90; \
    "$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "3.6")' || exit 92; \
    "$python" -m venv --without-pip /opt/cell || exit 91; \
    "$python" -m venv /opt/pip || exit 91; \
    export PIP_CONFIG_FILE=/opt/context/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1; \
    pip() { /opt/pip/bin/python -m pip "$@"; }; \
    pip install --no-cache-dir 'pip>=20.3'; \
    pip install --no-cache-dir --prefix=/opt/cell --ignore-installed --no-deps --require-hashes \
        --requirement=/opt/context/requirements.txt; \
    rm -rf /opt/pip
FROM python:3.6-slim
COPY --from=wheels /opt/cell /opt/cell
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
LABEL org.ckptmatrix.base="python:3.6-slim" \
      org.ckptmatrix.base-identity="sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
      org.ckptmatrix.cell="py3.6-torch1.0.0-default" \
      org.ckptmatrix.digest="2b49772627a597342017d95b2f4365ecf9e8322856c21a289218cd91aca167f9" \
      org.ckptmatrix.inputs="6dd6496bccc12962d0772e92eba7a2ce38483d06e718c6c78033d0dfc2d77620" \
      org.ckptmatrix.interpreter="/opt/cell/bin/python" \
      org.ckptmatrix.torch="1.0.0"
