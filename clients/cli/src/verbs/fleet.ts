import {
  type Agent,
  AgentServiceService,
  agentStateToJSON,
  FleetServiceService,
  GetAgentRequest,
  ListAgentsRequest,
  ListAgentsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/agent";
import {
  GetCapabilitiesRequest,
  GetCapabilitiesResponse,
  GetHostRequest,
  Host,
  HostServiceService as hostService,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern } from "@virtmesh/core/uri";
import { enumWord, formatBytes } from "../output/units.ts";
import { oneConnection, type Session } from "../session.ts";
import type { Verb } from "../verb.ts";
import { CLI_VERSION } from "../version.ts";

/** The agents of the fleet; an agent that is talked to directly knows only itself. */
export async function listAgents(session: Session, uri = session.globals.connect): Promise<readonly Agent[]> {
  try {
    const answer = await session.rpc.unary(
      FleetServiceService.listAgents,
      ListAgentsRequest.fromPartial({ uri }),
    );
    return answer.agents;
  } catch (e) {
    if (!VirtError.is(e) || e.code !== "UNIMPLEMENTED") throw e;
    return [await session.rpc.unary(AgentServiceService.getAgent, GetAgentRequest.fromPartial({ uri }))];
  }
}

export const agents: Verb = {
  name: "agents",
  group: "Fleet",
  summary: "list the agents of the fleet, and those that were lost",
  async run(session) {
    const list = await listAgents(session);
    if (session.globals.json)
      return session.terminal.object(ListAgentsResponse.toJSON({ agents: [...list] }));
    session.terminal.table(
      [
        { title: "Host", cell: (a) => a.host },
        { title: "Hypervisor", cell: (a) => a.hypervisor },
        {
          title: "State",
          cell: (a) =>
            `${enumWord(agentStateToJSON(a.state), "AGENT_STATE_")}${a.cordoned ? ", cordoned" : ""}`,
        },
        { title: "Guests", right: true, cell: (a) => String(a.domains) },
        { title: "Connections", cell: (a) => a.uris.join(" ") },
        { title: "Address", cell: (a) => a.address },
        { title: "Version", cell: (a) => a.version },
        { title: "Waiting events", right: true, cell: (a) => String(a.outboxLength) },
      ],
      list,
    );
  },
};

export const hosts: Verb = {
  name: "hosts",
  group: "Fleet",
  summary: "list the hosts of the fleet with what they have",
  async run(session) {
    const list = await listAgents(session);
    const uris = list.flatMap((agent) => agent.uris.slice(0, 1));
    const answers = await Promise.allSettled(
      uris.map((uri) => session.rpc.unary(hostService.getHost, GetHostRequest.fromPartial({ uri }))),
    );
    session.signal.throwIfAborted();
    const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    const unreachable = uris.filter((_, i) => answers[i]?.status === "rejected");
    if (session.globals.json)
      return session.terminal.object({ hosts: found.map((h) => Host.toJSON(h)), unreachable });
    session.terminal.table(
      [
        { title: "Host", cell: (h) => h.name },
        { title: "Hypervisor", cell: (h) => `${h.hypervisor} ${h.hypervisorVersion}` },
        { title: "Architecture", cell: (h) => h.architecture },
        { title: "CPUs", right: true, cell: (h) => String(h.cpus) },
        { title: "Memory", right: true, cell: (h) => formatBytes(h.memoryBytes) },
        { title: "Free", right: true, cell: (h) => formatBytes(h.freeMemoryBytes) },
        { title: "Accelerators", cell: (h) => h.accelerators.join(" ") || "-" },
        { title: "Connection", cell: (h) => h.uri },
      ],
      found,
    );
    session.terminal.unreachable(unreachable);
  },
};

async function theHost(session: Session): Promise<Host> {
  return session.rpc.unary(hostService.getHost, GetHostRequest.fromPartial({ uri: oneConnection(session) }));
}

export const nodeinfo: Verb = {
  name: "nodeinfo",
  group: "Fleet",
  summary: "the machine under a connection",
  async run(session) {
    const host = await theHost(session);
    if (session.globals.json) return session.terminal.object(Host.toJSON(host));
    session.terminal.fields([
      ["Host", host.name],
      ["UUID", host.uuid],
      ["CPU architecture", host.architecture],
      ["CPU model", host.cpuModel],
      ["CPU(s)", String(host.cpus)],
      ["Memory size", formatBytes(host.memoryBytes)],
      ["Free memory", formatBytes(host.freeMemoryBytes)],
      ["Accelerators", host.accelerators.join(" ")],
      ["Running since", host.bootTime?.toISOString()],
    ]);
    for (const note of host.notes) session.terminal.note(`note: ${note}`);
  },
};

export const capabilities: Verb = {
  name: "capabilities",
  group: "Fleet",
  summary: "the capabilities of a host as libvirt XML",
  async run(session) {
    const request = GetCapabilitiesRequest.fromPartial({ uri: oneConnection(session) });
    const answer = await session.rpc.unary(hostService.getCapabilities, request);
    if (session.globals.json) session.terminal.object(GetCapabilitiesResponse.toJSON(answer));
    else session.terminal.print(answer.xml);
  },
};

export const version: Verb = {
  name: "version",
  group: "Fleet",
  summary: "versions of this program, and of the agent and hypervisor of a connection",
  async run(session) {
    const host = isUriPattern(session.globals.connect) ? undefined : await theHost(session);
    if (session.globals.json) {
      const { agentVersion, hypervisor, hypervisorVersion } = host ?? {};
      return session.terminal.object({ virtmesh: CLI_VERSION, agentVersion, hypervisor, hypervisorVersion });
    }
    session.terminal.fields([
      ["virtmesh", CLI_VERSION],
      ["Agent", host?.agentVersion],
      ["Running hypervisor", host === undefined ? undefined : `${host.hypervisor} ${host.hypervisorVersion}`],
    ]);
  },
};

export const uri: Verb = {
  name: "uri",
  group: "Fleet",
  summary: "the connection that is used, with its host",
  async run(session) {
    if (isUriPattern(session.globals.connect)) return session.terminal.print(session.globals.connect || "*");
    session.terminal.print((await theHost(session)).uri);
  },
};
