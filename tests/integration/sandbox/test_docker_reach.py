"""What a job in a container can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dockers import Bench


def test_there_is_no_network(bench: Bench) -> None:
    said = bench.run("""
        import socket
        def connect(host, port):
            socket.create_connection((host, port), timeout=3).close()
        say(sorted(os.listdir("/sys/class/net")))
        say([refusal(connect, *place) for place in
             [("1.1.1.1", 443), ("172.17.0.1", 22), ("pypi.org", 443), ("169.254.169.254", 80)]])
    """).said
    assert said[0] == ["lo"]
    assert "allowed" not in said[1]


def test_it_is_nobody(bench: Bench) -> None:
    status, ids, sockets = bench.run("""
        lines = open("/proc/self/status").read().splitlines()
        say(dict(line.split(":", 1) for line in lines))
        say([os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups(), os.getpid()])
        say([path for path in ("/var/run/docker.sock", "/run/docker.sock") if os.path.exists(path)])
    """).said
    assert ids[:4] == [10_001] * 4
    assert ids[4] in ([], [10_001])
    assert ids[5] == 1
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert sockets == []


def test_only_its_own_folders_can_be_written(bench: Bench) -> None:
    said = bench.run("""
        places = []
        for folder, _, _ in os.walk("/"):
            if folder.startswith(("/proc/", "/sys/")):
                continue
            if refusal(lambda: open(folder + "/written-by-a-checkpoint", "x").close()) == "allowed":
                places.append(folder)
        say(sorted(places))
        say([folder for folder in ("/proc", "/proc/sys/kernel", "/sys", "/sys/fs/cgroup")
             if os.access(folder, os.W_OK)])
        say([refusal(open, path, "w") for path in
             ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/etc/passwd", "/dev/kmsg")])
        say(refusal(os.mknod, OUTPUT + "/device", 0o60666, os.makedev(8, 0)))
    """).said
    # Both of the last are memory of this container alone, counted against its limit.
    assert said[0] == sorted(
        ["/ckptmatrix/scratch", "/ckptmatrix/taken/output", "/dev/mqueue", "/dev/shm"]  # noqa: S108 - the folders of a container
    )
    assert said[1] == []
    assert "allowed" not in said[2]
    assert said[3] == "Operation not permitted"


def test_other_checkpoints_cannot_be_changed(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    file.write_bytes(b"precious")
    file.chmod(0o666)
    said = bench.run(
        """
        path = INPUT + "/a/checkpoint.pt"
        say(open(path).read())
        say([refusal(open, path, "r+"), refusal(os.chmod, path, 0o666), refusal(os.unlink, path),
             refusal(os.rename, path, path + "x"), refusal(os.mkdir, INPUT + "/b"),
             refusal(open, sys.argv[0], "r+")])
        """,
        inputs={"a/checkpoint.pt": file},
    ).said
    assert said[0] == "precious"
    assert set(said[1]) <= {"Read-only file system", "Permission denied"}


def test_no_variable_of_the_host_or_the_image_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CKPTMATRIX_SECRET", "of-the-host")
    environ = bench.run("say(dict(os.environ))").said[0]
    assert set(environ) == {
        *("PATH", "LANG", "LC_ALL", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME"),
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("PYTHONHASHSEED", "PYTHONNOUSERSITE", "HOSTNAME"),
    }
    assert "of-the-host" not in str(environ)
