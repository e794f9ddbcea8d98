import {
  CreateDomainRequest,
  DefineDomainRequest,
  Domain,
  DomainServiceService as domains,
  GetDomainXmlRequest,
  GetDomainXmlResponse,
  RegisterDomainRequest,
  UndefineDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { diffDomains } from "@virtmesh/documents/domain/diff";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { readDocument } from "../files.ts";
import { changeLines } from "../output/changes.ts";
import { clean } from "../output/table.ts";
import { oneConnection, resolveTarget } from "../session.ts";
import { DOMAIN_ARGUMENT, type Verb, type VerbArgument } from "../verb.ts";

const FILE: VerbArgument = {
  name: "file",
  help: "libvirt XML of a guest; - is standard input",
  completes: "file",
};
const VALIDATE = { flags: "--check", help: "only say whether it would work" };

export const define: Verb = {
  name: "define",
  group: "Guests",
  summary: "make or replace the persistent definition of a guest",
  args: [FILE],
  options: [VALIDATE, { flags: "--etag <etag>", help: "replace only the definition that has this etag" }],
  async run(session, given) {
    const uri = oneConnection(session);
    const xml = await readDocument(given.arg(0), session.terminal.streams.stdin);
    const validateOnly = given.flag("check");
    const request = { uri, xml, validateOnly, etag: given.text("etag"), requestId: crypto.randomUUID() };
    const domain = await session.rpc.unary(domains.defineDomain, DefineDomainRequest.fromPartial(request));
    if (session.globals.json) session.terminal.object(Domain.toJSON(domain));
    else
      session.terminal.say(
        `Domain '${clean(domain.name)}' ${validateOnly ? "could be defined" : "defined"} from ${given.arg(0)}`,
      );
  },
};

export const create: Verb = {
  name: "create",
  group: "Guests",
  summary: "make and start a transient guest, gone when it stops",
  args: [FILE],
  options: [{ flags: "--paused", help: "leave its CPUs stopped" }, VALIDATE],
  async run(session, given) {
    const uri = oneConnection(session);
    const xml = await readDocument(given.arg(0), session.terminal.streams.stdin);
    const validateOnly = given.flag("check");
    const request = { uri, xml, validateOnly, paused: given.flag("paused"), requestId: crypto.randomUUID() };
    const domain = await session.rpc.unary(domains.createDomain, CreateDomainRequest.fromPartial(request));
    if (session.globals.json) session.terminal.object(Domain.toJSON(domain));
    else
      session.terminal.say(
        `Domain '${clean(domain.name)}' ${validateOnly ? "could be created" : "created"} from ${given.arg(0)}`,
      );
  },
};

export const register: Verb = {
  name: "register",
  group: "Guests",
  summary: "make a guest known whose files lie in the host's storage already",
  args: [
    {
      name: "path",
      help: "the file that defines it, as the hypervisor names it: '[datastore1] web/web.vmx'",
    },
  ],
  options: [{ flags: "--name <name>", help: "another name than the file says" }],
  notes: "`undefine` is the way back: the files stay where they are.",
  async run(session, given) {
    const request = { uri: oneConnection(session), path: given.arg(0), name: given.text("name") };
    const domain = await session.rpc.unary(
      domains.registerDomain,
      RegisterDomainRequest.fromPartial({ ...request, requestId: crypto.randomUUID() }),
    );
    if (session.globals.json) session.terminal.object(Domain.toJSON(domain));
    else session.terminal.say(`Domain '${clean(domain.name)}' registered from ${clean(given.arg(0))}`);
  },
};

export const undefine: Verb = {
  name: "undefine",
  group: "Guests",
  summary: "remove the persistent definition of a guest; one that runs becomes transient",
  args: [DOMAIN_ARGUMENT],
  options: [
    { flags: "--etag <etag>", help: "only the definition that has this etag" },
    { flags: "--managed-save", help: "and what managedsave has kept" },
  ],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const [etag, managedSave] = [given.text("etag"), given.flag("managedSave")];
    const request = { ...target, etag, managedSave, requestId: crypto.randomUUID() };
    await session.rpc.unary(domains.undefineDomain, UndefineDomainRequest.fromPartial(request));
    if (session.globals.json) session.terminal.object({});
    else session.terminal.say(`Domain '${clean(given.arg(0))}' has been undefined`);
  },
};

export const dumpxml: Verb = {
  name: "dumpxml",
  group: "Guest state",
  summary: "print the definition of a guest as libvirt XML",
  args: [DOMAIN_ARGUMENT],
  options: [
    { flags: "--inactive", help: "the definition for the next start" },
    { flags: "--security-info", help: "with passwords" },
    { flags: "--migratable", help: "the form that another host can take" },
  ],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const answer = await session.rpc.unary(
      domains.getDomainXml,
      GetDomainXmlRequest.fromPartial({
        ...target,
        inactive: given.flag("inactive"),
        secure: given.flag("securityInfo"),
        migratable: given.flag("migratable"),
      }),
    );
    if (session.globals.json) session.terminal.object(GetDomainXmlResponse.toJSON(answer));
    else session.terminal.print(answer.xml);
  },
};

export const domdiff: Verb = {
  name: "domdiff",
  group: "Guest state",
  summary: "say what a definition would change, at once or at the next start",
  args: [DOMAIN_ARGUMENT, { ...FILE, optional: true }],
  notes:
    "With a file, compares the guest's definition with it; what the file leaves open stays as it is. Without one, says what the next start of a guest that runs will change.",
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const xml = async (inactive: boolean) => {
      const request = GetDomainXmlRequest.fromPartial({ ...target, inactive });
      return (await session.rpc.unary(domains.getDomainXml, request)).xml;
    };
    const [path, now] = [given.arg(1), parseDomain(await xml(false))];
    const other = path === "" ? await xml(true) : await readDocument(path, session.terminal.streams.stdin);
    const changes = diffDomains(now, parseDomain(other), { leavesOpen: path !== "" });
    if (session.globals.json) session.terminal.object({ changes });
    else for (const line of changeLines(changes)) session.terminal.say(line);
  },
};
