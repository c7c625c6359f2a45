"""A DNS server that answers every question with one address: name_server.py ADDRESS ANSWER; prints each question's name."""

import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(2048)
    end = query.index(b"\0", 12)
    question, kind = query[12:end + 5], query[end + 1:end + 3]
    is_a = kind == b"\0\x01"
    header = query[:2] + b"\x81\x80" + b"\0\x01" + (b"\0\x01" if is_a else b"\0\0") + b"\0" * 4
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(sys.argv[2]) if is_a else b""
    server.sendto(header + question + answer, client)
    print(question, client[0], flush=True)
