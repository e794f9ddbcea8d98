"""A server that knows nothing of us: MIT's GSS-API with gss-ntlmssp lets in, opens what is sealed and seals the answer.

`acceptor.py KIND`, with NTLM_USER_FILE in the environment; KIND is ntlm or spnego. It answers every envelope with its own
length and what it answered to, and prints its port first.
"""
import base64
import http.server
import re
import struct
import sys

import gssapi

OID = {"ntlm": "1.3.6.1.4.1.311.2.2.10", "spnego": "1.3.6.1.5.5.2"}[sys.argv[1]]
TYPE = "application/HTTP-SPNEGO-session-encrypted"
ANSWER = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header><a:RelatesTo>%s</a:RelatesTo></s:Header>'
    '<s:Body><p:X xmlns:p="urn:x"><p:Bytes>%d</p:Bytes><p:User>%s</p:User></p:X></s:Body></s:Envelope>'
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    context = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = self.headers.get("Authorization", "")
        if said.startswith("Negotiate "):
            self.log_in(base64.b64decode(said[10:]))
        elif self.context is None or not self.context.complete:
            self.answer(401, {"WWW-Authenticate": "Negotiate"})
        else:
            self.exchange(body)

    def log_in(self, token):
        if OID.endswith("5.5.2") and token.startswith(b"NTLMSSP"):
            return self.answer(401, {"WWW-Authenticate": "Negotiate"})
        try:
            if self.context is None or self.context.complete:
                mech = gssapi.OID.from_int_seq(OID)
                self.context = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept", mechs=[mech]))
            reply = self.context.step(token)
            # A step of SPNEGO that failed with something to say raises only when it is asked.
            complete = self.context.complete
        except gssapi.exceptions.GSSError as e:
            sys.stderr.write(f"{e}\n")
            self.context = None
            return self.answer(401, {"WWW-Authenticate": "Negotiate"})
        more = {"WWW-Authenticate": "Negotiate " + base64.b64encode(reply).decode()} if reply else {}
        self.answer(200 if complete else 401, more)

    def exchange(self, body):
        length = int(re.search(rb"Length=(\d+)", body)[1])
        begin = body.index(b"octet-stream\r\n") + 14
        size = struct.unpack("<I", body[begin : begin + 4])[0]
        plain = self.context.unwrap(body[begin + 4 : begin + 4 + size + length]).message
        assert len(plain) == length
        message_id = re.search(rb"<a:MessageID>([^<]*)", plain)[1].decode()
        user = re.sub(r"[^\w@.-]", "", str(self.context.initiator_name))
        answer = (ANSWER % (message_id, length, user)).encode()
        wrapped = self.context.wrap(answer, True).message
        sealed = (
            f"--Encrypted Boundary\r\n\tContent-Type: {TYPE}\r\n"
            f"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length={len(answer)}\r\n"
            "--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
        ).encode() + struct.pack("<I", 16) + wrapped + b"--Encrypted Boundary--\r\n"
        kind = f'multipart/encrypted;protocol="{TYPE}";boundary="Encrypted Boundary"'
        self.answer(200, {"Content-Type": kind}, sealed)

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening at {server.server_port}", flush=True)
server.serve_forever()
