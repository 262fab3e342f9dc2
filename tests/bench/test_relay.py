"""What is counted between a client and a server."""

import socket
import threading

from bench.relay import relay


def test_bytes_are_counted_by_their_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100) * 3)

        thread = threading.Thread(target=answer)
        thread.start()
        with relay(server.getsockname()[1]) as counted, socket.create_connection(("127.0.0.1", counted.port)) as client:
            client.sendall(b"hello")
            heard = b""
            while piece := client.recv(100):
                heard += piece
        thread.join()
    assert b"hello" * 3 == heard
    assert (5, 15) == (counted.up, counted.down)
