#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# python_client.py SOCKET: the status of a gateway, by a socket and nothing else.
import json
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(b'{"method": "io.segd.Control.GetStatus"}\0')
    received = b''
    while not received.endswith(b'\0'):
        received += connection.recv(65536) or sys.exit('the daemon closed the connection')
    reply = json.loads(received[:-1])
    print(json.dumps(reply['parameters'], ensure_ascii=False, indent=2))
