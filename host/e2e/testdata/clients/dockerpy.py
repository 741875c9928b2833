"""Drives docker-py as programs do that are built on it, and prints what it saw.

    dockerpy.py NAME IMAGE

The end-to-end tests run it on the engine's socket and through the gateway, found by DOCKER_HOST and its like, and compare.
"""
import io
import re
import socket
import ssl
import struct
import sys
import tarfile
import time

import docker

name, image = sys.argv[1:]
client = docker.from_env(timeout=60)


def part(title):
    print("==", title)


def exactly(read, size):
    """Reads so many bytes of a stream of which each read may give less."""
    got = b""
    while len(got) < size:
        piece = read(size - len(got))
        if not piece:
            raise EOFError(f"{len(got)} of {size} bytes")
        got += piece
    return got


def frames(read):
    """Reads a stream of frames to its end and returns what each side said."""
    said = {1: b"", 2: b""}
    while True:
        first = read(1)
        if not first:
            return said
        stream, size = struct.unpack(">BxxxL", first + exactly(read, 7))
        said[stream] += exactly(read, size)


def raw(sock):
    """What docker-py calls a socket: a socket.SocketIO before a unix socket, an ssl.SSLSocket on TCP."""
    return getattr(sock, "_sock", sock)


def hang_up(sock):
    """Ends a connection at once: docker-py holds more references to it, so that close alone would wait for them."""
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()


part("version")
print(client.version()["ApiVersion"], client.ping())

part("run")
said = client.containers.run(image, ["sh", "-c", "echo out; echo err >&2"], name=name + "-run", remove=True, network_mode="none", stdout=True, stderr=True)
print(sorted(said.splitlines()))
try:
    client.containers.run(image, ["sh", "-c", "echo why >&2; exit 3"], name=name + "-run", remove=True, network_mode="none")
except docker.errors.ContainerError as e:
    print(e.exit_status, e.stderr)

part("a container that runs")
c = client.containers.run(image, ["sh", "-c", "echo up; echo down >&2; exec sleep 600"], name=name, detach=True, network_mode="none", labels={"colour": "red"})
c.reload()
print(c.status, c.labels["colour"])
print([x.name == name for x in client.containers.list(filters={"label": ["colour=red"], "name": [name]})])

part("exec_run")
print(c.exec_run(["sh", "-c", "echo out; echo err >&2; exit 9"], demux=True))
print(b"".join(c.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; usleep 20000; done"], stream=True).output))
sock = raw(c.exec_run(["sh", "-c", "cat; echo done >&2"], socket=True, stdin=True).output)
sock.sendall(b"hello\n")
print(exactly(sock.recv, 8 + 6))
hang_up(sock)
print(c.exec_run("no-such-command").exit_code)

part("logs")
follow = c.logs(stream=True, follow=True)
print(sorted([next(follow), next(follow)]))
follow.close()
print(sorted(c.logs().splitlines()))

part("attach")
a = client.containers.create(image, ["sh", "-c", "cat; echo done >&2"], name=name + "-attach", stdin_open=True, network_mode="none")
sock = raw(a.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}))
a.start()
sock.sendall(b"hello\n")
print(exactly(sock.recv, 8 + 6))
if isinstance(sock, ssl.SSLSocket):
    hang_up(sock)  # Python cannot close one direction of TLS
else:
    sock.shutdown(socket.SHUT_WR)
    assert frames(sock.recv) == {1: b"", 2: b"done\n"}
    assert a.wait()["StatusCode"] == 0
a.remove(force=True)

part("events")
since = int(time.time())
c.rename(name + "-renamed")
c.rename(name)
for event in client.events(since=since - 60, decode=True, filters={"container": name, "event": "rename"}):
    print(event["Type"], event["Action"])
    if event["Actor"]["Attributes"]["name"] == name:
        break

part("archives")
content = bytes(range(256)) * 4096
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    entry = tarfile.TarInfo("file")
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
print(c.put_archive("/tmp", archive.getvalue()))
chunks, stat = c.get_archive("/tmp/file")
with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
    print(stat["name"], stat["size"], tar.extractfile("file").read() == content)

part("top and stats")
while len(c.top()["Processes"]) > 1:  # what was hung up on ends
    time.sleep(0.02)
print([row[-1] for row in c.top()["Processes"]])
print(c.stats(stream=False)["name"] == "/" + name)
print(next(c.stats(decode=True))["name"] == "/" + name)

part("build")
built, log = client.images.build(fileobj=io.BytesIO(f"FROM {image}\nENV BUILT=yes\nLABEL by={name}\n".encode()), tag=name + ":built", rm=True)
print("BUILT=yes" in built.attrs["Config"]["Env"], "".join(line.get("stream", "") for line in log).count("Step "))
saved = b"".join(built.save(named=True))
client.images.remove(name + ":built")
print([i.tags == [name + ":built"] for i in client.images.load(saved)])
client.images.remove(name + ":built")

part("networks and volumes")
n = client.networks.create(name, labels={"colour": "red"})
print([x.name == name for x in client.networks.list(names=[name])])
n.remove()
v = client.volumes.create(name)
print(v.name == name)
v.remove()

part("errors")
for call in (lambda: client.containers.get(name + "-missing"), lambda: client.images.get(name + "-missing"), lambda: client.api.exec_start(name + "-missing")):
    try:
        call()
    except docker.errors.APIError as e:
        print(e.response.status_code, re.search(r"[Nn]o such \w+", e.explanation)[0])  # a filter says it with its name

c.remove(force=True)
