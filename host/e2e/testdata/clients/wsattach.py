"""Attaches to a container over a WebSocket, as browser consoles do, sends a line and prints what comes back.

    wsattach.py CONTAINER [ORIGIN]

The door is found by DOCKER_HOST and its like. A refused connection is printed as its status.
"""
import os
import socket
import sys
from urllib.parse import urlparse

import websocket

container = sys.argv[1]
door = urlparse(os.environ["DOCKER_HOST"])
target = f"/v1.41/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1"
options = {"timeout": 60, "suppress_origin": True}
if len(sys.argv) > 2:
    options = {"timeout": 60, "origin": sys.argv[2]}
if door.scheme == "unix":
    options["socket"] = socket.socket(socket.AF_UNIX)
    options["socket"].connect(door.path)
    url = "ws://docker" + target
else:
    certs = os.environ["DOCKER_CERT_PATH"]
    options["sslopt"] = {"ca_certs": certs + "/ca.pem", "certfile": certs + "/cert.pem", "keyfile": certs + "/key.pem"}
    url = "wss://" + door.netloc + target

try:
    ws = websocket.create_connection(url, **options)
except websocket.WebSocketBadStatusException as e:
    print("refused:", e.status_code)
    sys.exit(1)
ws.send_binary(b"hello\n")
got = b""
while not got.endswith(b"\n"):
    piece = ws.recv()
    got += piece if isinstance(piece, bytes) else piece.encode()
print(got)
ws.close()
