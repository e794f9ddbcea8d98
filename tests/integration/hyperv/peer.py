"""Peers that virtmesh did not write talk to the Hyper-V simulator: `peer.py KIND PORT USER PASSWORD`."""
import base64
import http.client
import json
import struct
import sys

QUERY = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header>'
    "<a:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate</a:Action>"
    "<w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/*</w:ResourceURI>"
    "<a:MessageID>uuid:0</a:MessageID></s:Header><s:Body><n:Enumerate><w:OptimizeEnumeration/>"
    "<w:MaxElements>100</w:MaxElements>"
    '<w:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">'
    "SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER</w:Filter>"
    "</n:Enumerate></s:Body></s:Envelope>"
)
BOUNDARY = b"--Encrypted Boundary"
TYPE = "application/HTTP-SPNEGO-session-encrypted"


def names_in(answer):
    import xml.etree.ElementTree as tree

    return [e.text for e in tree.fromstring(answer).iter() if e.tag.endswith("}ElementName")]


def gss(kind, port, user, password):
    """MIT's GSS-API with gss-ntlmssp, a context for one connection."""
    import gssapi
    from gssapi.raw import acquire_cred_with_password

    oid = {"ntlm": "1.3.6.1.4.1.311.2.2.10", "spnego": "1.3.6.1.5.5.2"}[kind]
    mech = gssapi.OID.from_int_seq(oid)
    name = gssapi.Name(user, gssapi.NameType.user)
    creds = acquire_cred_with_password(name, password.encode(), mechs=[mech], usage="initiate").creds
    flags = gssapi.RequirementFlag.confidentiality | gssapi.RequirementFlag.integrity
    context = gssapi.SecurityContext(
        name=gssapi.Name("HTTP@127.0.0.1", gssapi.NameType.hostbased_service),
        creds=gssapi.Credentials(creds),
        mech=mech,
        usage="initiate",
        flags=flags,
    )
    connection = http.client.HTTPConnection("127.0.0.1", port)
    token = context.step()
    for _ in range(3):
        header = "Negotiate " + base64.b64encode(token).decode()
        connection.request("POST", "/wsman", headers={"Authorization": header, "Content-Length": "0"})
        response = connection.getresponse()
        response.read()
        said = [v[10:] for k, v in response.getheaders() if v.startswith("Negotiate ")]
        if said and not context.complete:
            token = context.step(base64.b64decode(said[0]))
        if response.status == 200:
            break
    if response.status != 200 or not context.complete:
        raise SystemExit("not let in: %d" % response.status)
    answers = [sealed(connection, context, QUERY.encode()) for _ in range(3)]
    return {"guests": names_in(answers[-1])}


def sealed(connection, context, message):
    wrapped = context.wrap(message, True).message
    head = "\tContent-Type: %s\r\n\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n"
    body = BOUNDARY + b"\r\n" + (head % (TYPE, len(message))).encode()
    body += BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n" + struct.pack("<I", 16) + wrapped
    body += BOUNDARY + b"--\r\n"
    kind = 'multipart/encrypted;protocol="%s";boundary="Encrypted Boundary"' % TYPE
    connection.request("POST", "/wsman", body, {"Content-Type": kind})
    answer = connection.getresponse().read()
    start = answer.index(b"octet-stream\r\n") + len(b"octet-stream\r\n") + 4
    return context.unwrap(answer[start : answer.rindex(BOUNDARY)]).message


def winrm_client(kind, port, user, password, scheme="http"):
    """pywinrm opens a shell and runs two programs in it; by HTTPS it trusts what the environment says."""
    import winrm

    endpoint = "%s://127.0.0.1:%d/wsman" % (scheme, port)
    protocol = winrm.Protocol(endpoint=endpoint, transport=kind, username=user, password=password)
    shell = protocol.open_shell()
    ran = []
    for program in ["hostname", "nothing"]:
        command = protocol.run_command(shell, program)
        stdout, _, code = protocol.get_command_output(shell, command)
        protocol.cleanup_command(shell, command)
        ran.append([stdout.decode(), code])
    protocol.close_shell(shell)
    return {"ran": ran, "guests": names_in(protocol.send_message(QUERY))}


KINDS = {
    "gss-ntlm": lambda *a: gss("ntlm", *a),
    "gss-spnego": lambda *a: gss("spnego", *a),
    "winrm-ntlm": lambda *a: winrm_client("ntlm", *a),
    "winrm-ntlm-tls": lambda *a: winrm_client("ntlm", *a, scheme="https"),
    "winrm-basic": lambda *a: winrm_client("plaintext", *a),
}

if __name__ == "__main__":
    kind, port, user, password = sys.argv[1:]
    print(json.dumps(KINDS[kind](int(port), user, password)))
