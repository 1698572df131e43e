FROM debian:trixie-slim AS system
RUN set -e; export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install --yes --no-install-recommends -o DPkg::Options::=--force-unsafe-io \
        python3 python3-numpy python3-torch python3-venv; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; \
    python3 -m venv --without-pip --system-site-packages /opt/cell
FROM system AS packages
LABEL org.ckptmatrix.stage="3ff663978c9a4f334e5a8572a054bf27e267dd292f1f6b6484f019c82258adae"
COPY . /opt/context/
RUN set -e; python=python3; \
    "$python" -m venv --system-site-packages /opt/pip || exit 91; \
    export PIP_CONFIG_FILE=/opt/context/pip.conf PIP_DISABLE_PIP_VERSION_CHECK=1; \
    pip() { /opt/pip/bin/python -m pip "$@"; }; \
    pip install --no-cache-dir 'pip>=20.3'; \
    pip install --no-cache-dir --prefix=/opt/cell \
        --requirement=/opt/context/requirements.txt; \
    rm -rf /opt/pip
FROM system
COPY --from=packages /opt/cell /opt/cell
RUN /opt/cell/bin/python -c 'import importlib.metadata as m; \
print("\n".join(sorted({"%s==%s" % (d.metadata["Name"], d.version) for d in m.distributions()})))' \
    > /opt/cell/packages.txt
LABEL org.ckptmatrix.base="debian:trixie-slim" \
      org.ckptmatrix.base-identity="debian@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
      org.ckptmatrix.cell="debian-trixie-safetensors0.5.2" \
      org.ckptmatrix.digest="3ff663978c9a4f334e5a8572a054bf27e267dd292f1f6b6484f019c82258adae" \
      org.ckptmatrix.inputs="f5c87b99823ba8f7e83f7c6f4720a2c5b5241f0369edc1c1135e1cc1975302bc" \
      org.ckptmatrix.interpreter="/opt/cell/bin/python"
