import {
  type Agent,
  AgentState,
  type ListAgentsRequest,
  type ListAgentsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Directory, KnownAgent } from "./directory.ts";

/** Every agent that serves a URI of the pattern, by host. */
export function listAgents(request: ListAgentsRequest, directory: Directory): ListAgentsResponse {
  const chosen = new Set(directory.select(request.uri).map(({ agent }) => agent));
  const agents = [...chosen].map(describe);
  return { agents: agents.sort((a, b) => (a.host + a.hypervisor < b.host + b.hypervisor ? -1 : 1)) };
}

function describe(agent: KnownAgent): Agent {
  const isLost = agent.lostAtMs !== undefined;
  return { ...agent.announced, state: isLost ? AgentState.AGENT_STATE_LOST : AgentState.AGENT_STATE_ALIVE };
}
