"""The life of containers, images, volumes and networks as a Python program sees it through the Docker SDK.

Run by python-sdk.test.ts with DOCKER_HOST set. Each step prints one line; a failure ends the program.
"""

import datetime
import io
import tarfile
import threading

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

client = docker.from_env(timeout=60)


def step(work):
    work()
    print("ok", work.__name__.replace("_", " "), flush=True)
    return work


def fails(error, work):
    try:
        work()
    except error as caught:
        return caught
    raise AssertionError(f"no {error.__name__}")


@step
def system():
    assert client.ping() is True
    assert client.version()["Os"] == "linux"
    assert client.info()["OSType"] == "linux"
    assert client.df()["LayersSize"] > 0


@step
def run_returns_output_and_raises_for_exit_codes():
    assert client.containers.run("busybox", "echo hello", remove=True) == b"hello\n"
    assert client.containers.run("busybox", ["sh", "-c", "echo e >&2; echo o"], remove=True, stderr=True, stdout=False) == b"e\n"
    error = fails(ContainerError, lambda: client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 7"], remove=True))
    assert error.exit_status == 7 and b"bad" in error.stderr
    fails(ImageNotFound, lambda: client.api.create_container("no-such-image"))


@step
def a_detached_container_from_start_to_end():
    container = client.containers.run(
        "busybox",
        ["sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"],
        name="python", detach=True, environment={"A": "1"}, labels={"suite": "python"}, mem_limit="64m", ports={"80/tcp": None},
    )
    assert fails(APIError, lambda: client.containers.create("busybox", name="python")).status_code == 409
    container.reload()
    assert container.status == "running" and container.attrs["HostConfig"]["Memory"] == 64 << 20
    assert int(container.ports["80/tcp"][0]["HostPort"]) > 0
    assert [each.id for each in client.containers.list(filters={"label": "suite=python"})] == [container.id]
    assert "PID" in container.top()["Titles"]
    assert container.stats(stream=False)["memory_stats"]["limit"] == 64 << 20
    code, output = container.exec_run(["sh", "-c", "echo $B; echo err >&2; exit 3"], environment={"B": "2"}, demux=True)
    assert (code, output) == (3, (b"2\n", b"err\n"))
    chunks = list(container.exec_run("seq 3", stream=True).output)
    assert b"".join(chunks) == b"1\n2\n3\n"
    container.pause()
    container.reload()
    assert container.status == "paused"
    container.unpause()
    container.update(mem_limit="96m", memswap_limit=-1)
    container.rename("python2")
    assert next(container.logs(stream=True, follow=True)) == b"up\n"
    container.stop(timeout=5)
    assert container.wait()["StatusCode"] == 5
    container.restart()
    container.kill()
    container.wait()
    container.remove(v=True)
    fails(NotFound, container.reload)


@step
def an_exec_reads_as_its_start_asks():
    container = client.containers.run("busybox", "top", detach=True)
    made = client.api.exec_create(container.id, ["sh", "-c", "echo out"], tty=True)
    assert client.api.exec_start(made, demux=True) == (b"out\r\n", None)
    assert client.api.exec_start(client.api.exec_create(container.id, "echo out", tty=True), tty=True) == b"out\r\n"
    assert client.api.exec_start(client.api.exec_create(container.id, "echo out"), tty=True) == b"out\n"
    socket = client.api.exec_start(client.api.exec_create(container.id, "cat", stdin=True), socket=True)
    raw = getattr(socket, "_sock", socket)
    raw.sendall(b"typed\n")
    received = b""
    while len(received) < 14:
        received += raw.recv(14 - len(received))
    assert received == b"\x01\0\0\0\0\0\0\x06typed\n"
    socket.close()
    container.remove(force=True)


@step
def logs_between_two_moments():
    container = client.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done"], detach=True)
    container.wait()
    stamps = [line.split(b" ")[0].decode() for line in container.logs(timestamps=True).splitlines()]
    moments = [datetime.datetime.fromisoformat(stamp[:26] + "+00:00").timestamp() for stamp in stamps]
    middle = (moments[0] + moments[1]) / 2
    assert container.logs(since=middle) == b"2\n3\n" and container.logs(until=middle) == b"1\n"
    assert list(container.logs(stream=True, follow=True, tail=1)) == [b"3\n"]
    container.remove()


@step
def input_through_an_attached_socket():
    container = client.containers.create("busybox", "cat", stdin_open=True)
    socket = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    raw = getattr(socket, "_sock", socket)
    raw.sendall(b"typed\n")
    header = b""
    while len(header) < 8:
        header += raw.recv(8 - len(header))
    assert header == b"\x01\0\0\0\0\0\0\x06" and raw.recv(6) == b"typed\n"
    socket.close()
    container.remove(force=True)


@step
def files_go_in_and_out_and_make_an_image():
    container = client.containers.create("busybox", ["cat", "/data/in"])
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o755
        tar.addfile(folder)
        entry = tarfile.TarInfo("data/in")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    assert container.put_archive("/", archive.getvalue())
    container.start()
    assert container.wait()["StatusCode"] == 0 and container.logs() == b"hello"
    bits, stat = container.get_archive("/data/in")
    with tarfile.open(fileobj=io.BytesIO(b"".join(bits))) as tar:
        assert stat["size"] == 5 and tar.extractfile("in").read() == b"hello"
    assert {"Path": "/data/in", "Kind": 1} in container.diff()
    kept = container.commit("python-kept", "1", conf={"Labels": {"a": "b"}})
    assert kept.attrs["Config"]["Cmd"] == ["cat", "/data/in"] and kept.labels == {"a": "b"}
    client.images.remove("python-kept:1")
    image = container.commit("python-made", "1", changes='CMD ["cat", "/data/in"]')
    assert client.containers.run("python-made:1", remove=True) == b"hello"
    assert image.tag("python-made", "2")
    saved = b"".join(client.images.get("python-made:1").save(named=True))
    client.images.remove("python-made:1")
    client.images.remove("python-made:2", force=True)
    container.remove()
    fails(ImageNotFound, lambda: client.images.get("python-made:1"))
    assert client.images.load(saved)[0].tags == ["python-made:1"]
    client.images.remove("python-made:1")


@step
def volumes():
    volume = client.volumes.create("python-data", labels={"suite": "python"})
    mount = {"python-data": {"bind": "/data", "mode": "rw"}}
    client.containers.run("busybox", ["sh", "-c", "echo kept >/data/f"], volumes=mount, remove=True)
    assert client.containers.run("busybox", "cat /data/f", volumes=mount, remove=True) == b"kept\n"
    assert [each.name for each in client.volumes.list(filters={"label": "suite=python"})] == ["python-data"]
    volume.remove()
    fails(NotFound, lambda: client.volumes.get("python-data"))


@step
def networks():
    network = client.networks.create("python-net", labels={"suite": "python"})
    server = client.containers.run("busybox", ["httpd", "-f", "-h", "/etc"], name="python-server", network="python-net", detach=True)
    assert "127.0.0.11" in client.containers.run("busybox", "cat /etc/resolv.conf", network="python-net", remove=True).decode()
    assert b"bytes from" in client.containers.run("busybox", "ping -c 1 python-server", network="python-net", remove=True)
    network.reload()
    assert [each.id for each in network.containers] == [server.id]
    network.disconnect(server)
    server.remove(force=True)
    network.remove()
    fails(NotFound, lambda: client.networks.get("python-net"))


@step
def events_arrive_while_they_happen():
    seen = []
    events = client.events(decode=True, filters={"type": "container", "label": "suite=events"})

    def listen():
        for event in events:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                return

    listener = threading.Thread(target=listen)
    listener.start()
    client.containers.run("busybox", "true", labels={"suite": "events"}, remove=True)
    listener.join()
    events.close()
    assert [each for each in seen if each in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"], seen


@step
def prune():
    client.containers.create("busybox", labels={"suite": "prune"})
    assert len(client.containers.prune(filters={"label": "suite=prune"})["ContainersDeleted"]) == 1
