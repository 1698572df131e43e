FROM debian:trixie-slim
RUN set -e; export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install --yes --no-install-recommends -o DPkg::Options::=--force-unsafe-io \
        python3 python3-numpy python3-torch; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin; \
    python3 -m venv --without-pip --system-site-packages /opt/cell
RUN /opt/cell/bin/python -c 'import importlib.metadata as m; \
print("\n".join(sorted({"%s==%s" % (d.metadata["Name"], d.version) for d in m.distributions()})))' \
    > /opt/cell/packages.txt
LABEL org.ckptmatrix.base="debian:trixie-slim" \
      org.ckptmatrix.base-identity="debian@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
      org.ckptmatrix.cell="debian-trixie" \
      org.ckptmatrix.digest="f5c544066360b65dc846f2f51baabd341ac0fdceed92c285f14048c30b050fea" \
      org.ckptmatrix.inputs="8c373183f9038892617dc757da2eb41cd5dfc8272edffafba4c7d31950c71b59" \
      org.ckptmatrix.interpreter="/opt/cell/bin/python"
