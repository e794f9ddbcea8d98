import { randomUUID } from "node:crypto";
import type { Host } from "../host/host.ts";
import { child, children } from "../xml/node.ts";
import { element, textElement } from "../xml/write.ts";
import { CODES, Fault } from "./faults.ts";
import { ANONYMOUS, SHELL } from "./namespaces.ts";
import type { Request } from "./request.ts";

export const SHELL_URI = `${SHELL}/cmd`;

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Remote shells (MS-WSMV 3.1.4.1.31): as much of one as shows that a client of WinRM gets through. */
export class Shells {
  readonly #host: Host;
  readonly #shells = new Map<string, Map<string, Output>>();

  constructor(host: Host) {
    this.#host = host;
  }

  create(): string {
    const id = randomUUID().toUpperCase();
    this.#shells.set(id, new Map());
    const selectors = element("w:SelectorSet", textElement("w:Selector", id, { Name: "ShellId" }));
    const reference =
      textElement("a:Address", ANONYMOUS) +
      element("a:ReferenceParameters", textElement("w:ResourceURI", SHELL_URI) + selectors);
    return (
      element("x:ResourceCreated", reference) +
      element(
        "rsp:Shell",
        textElement("rsp:ShellId", id) +
          textElement("rsp:ResourceUri", SHELL_URI) +
          textElement("rsp:InputStreams", "stdin") +
          textElement("rsp:OutputStreams", "stdout stderr"),
      )
    );
  }

  command(request: Request): string {
    const words = [child(request.body, "Command"), ...children(request.body, "Arguments")];
    const id = randomUUID().toUpperCase();
    this.#need(request).set(id, this.#run(words.map((word) => word?.text.trim() ?? "")));
    return element("rsp:CommandResponse", textElement("rsp:CommandId", id));
  }

  receive(request: Request): string {
    const stream = child(request.body, "DesiredStream");
    const id = stream?.attributes.find((a) => a.name === "CommandId")?.value ?? "";
    const output = this.#need(request).get(id);
    if (output === undefined) throw noShell(`the command ${id}`);
    const streams = (["stdout", "stderr"] as const).map((name) =>
      textElement("rsp:Stream", Buffer.from(output[name]).toString("base64"), {
        ...{ Name: name, CommandId: id },
        End: "true",
      }),
    );
    return element(
      "rsp:ReceiveResponse",
      streams.join("") +
        element("rsp:CommandState", textElement("rsp:ExitCode", String(output.exitCode)), {
          ...{ CommandId: id, State: `${SHELL}/CommandState/Done` },
        }),
    );
  }

  signal(request: Request): string {
    this.#need(request);
    return element("rsp:SignalResponse", "");
  }

  remove(request: Request): void {
    this.#need(request);
    this.#shells.delete(shellOf(request));
  }

  #need(request: Request): Map<string, Output> {
    const shell = this.#shells.get(shellOf(request));
    if (shell === undefined) throw noShell(`the shell ${shellOf(request)}`);
    return shell;
  }

  #run([command = ""]: readonly string[]): Output {
    if (command === "hostname") return { stdout: `${this.#host.seed.hostName}\r\n`, stderr: "", exitCode: 0 };
    if (command === "ver")
      return { stdout: "\r\nMicrosoft Windows [Version 10.0.20348]\r\n", stderr: "", exitCode: 0 };
    const stderr = `'${command}' is not recognized as an internal or external command.\r\n`;
    return { stdout: "", stderr, exitCode: 1 };
  }
}

function shellOf(request: Request): string {
  const value = request.selectors.find((selector) => selector.name === "ShellId")?.value;
  return typeof value === "string" ? value : "";
}

function noShell(what: string): Fault {
  return new Fault("w:InvalidSelectors", `The service cannot find ${what}.`, {
    code: CODES.invalidSelectors,
  });
}
