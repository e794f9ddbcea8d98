import {
  ConversionServiceService as conversion,
  ConvertFromNativeRequest,
  ConvertFromNativeResponse,
  ConvertToNativeRequest,
  ConvertToNativeResponse,
  ListFormatsRequest,
  ListFormatsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/conversion";
import { VirtError } from "@virtmesh/core/errors";
import { readDocument } from "../files.ts";
import { oneConnection, resolveTarget, type Session } from "../session.ts";
import type { Verb, VerbArgument } from "../verb.ts";

const GROUP = "Guests";
const FORMAT: VerbArgument = {
  name: "format",
  help: "the hypervisor's own form; domxml-formats lists what there is",
};

export const domxmlFormats: Verb = {
  name: "domxml-formats",
  group: GROUP,
  summary: "the forms of definitions that a hypervisor reads and writes",
  async run(session) {
    const answer = await session.rpc.unary(
      conversion.listFormats,
      ListFormatsRequest.fromPartial({ uri: oneConnection(session) }),
    );
    if (session.globals.json) return session.terminal.object(ListFormatsResponse.toJSON(answer));
    session.terminal.table(
      [
        { title: "Format", cell: (format) => format.name },
        { title: "Reads", cell: (format) => (format.canRead ? "yes" : "no") },
        { title: "Writes", cell: (format) => (format.canWrite ? "yes" : "no") },
        { title: "Description", cell: (format) => format.description },
      ],
      answer.formats,
    );
  },
};

export const domxmlFromNative: Verb = {
  name: "domxml-from-native",
  group: GROUP,
  summary: "turn a hypervisor's own configuration into libvirt XML",
  args: [FORMAT, { name: "file", help: "the configuration; - is standard input", completes: "file" }],
  async run(session, given) {
    const config = await readDocument(given.arg(1), session.terminal.streams.stdin);
    const request = { uri: oneConnection(session), format: given.arg(0), config };
    const answer = await session.rpc.unary(
      conversion.convertFromNative,
      ConvertFromNativeRequest.fromPartial(request),
    );
    if (session.globals.json) session.terminal.object(ConvertFromNativeResponse.toJSON(answer));
    else session.terminal.print(answer.xml);
  },
};

/** What is converted, and where. */
async function sourceOf(
  session: Session,
  domain: string,
  file: string,
): Promise<Pick<ConvertToNativeRequest, "uri" | "source">> {
  if ((domain === "") === (file === ""))
    throw new VirtError("INVALID_FIELD", "name a guest or give its XML with --xml, one of the two");
  if (file !== "") {
    const value = await readDocument(file, session.terminal.streams.stdin);
    return { uri: oneConnection(session), source: { $case: "xml", value } };
  }
  const target = await resolveTarget(session, domain);
  return { uri: target.uri, source: { $case: "domain", value: target.domain } };
}

export const domxmlToNative: Verb = {
  name: "domxml-to-native",
  group: GROUP,
  summary: "turn libvirt XML into a hypervisor's own configuration",
  args: [FORMAT, { name: "domain", help: "a guest that is there", optional: true, completes: "domain" }],
  options: [{ flags: "--xml <file>", help: "or this document; - is standard input", completes: "file" }],
  async run(session, given) {
    const source = await sourceOf(session, given.arg(1), given.text("xml"));
    const request = { ...source, format: given.arg(0) };
    const answer = await session.rpc.unary(
      conversion.convertToNative,
      ConvertToNativeRequest.fromPartial(request),
    );
    if (session.globals.json) session.terminal.object(ConvertToNativeResponse.toJSON(answer));
    else session.terminal.print(answer.config);
  },
};
