import { isUriPattern } from "@virtmesh/core/uri";
import { formatAddress } from "../target.ts";
import { listAll, type Session } from "../session.ts";
import { listAgents } from "../verbs/fleet.ts";
import { listOperations } from "../verbs/operations.ts";
import type { Completion } from "./complete.ts";

/** The lines for the shell: what the words allow, and what the mesh knows of guests, connections and operations. */
export async function candidates(session: Session, completion: Completion): Promise<readonly string[]> {
  const fits = (word: string): boolean => word.startsWith(completion.prefix);
  switch (completion.ask) {
    case "none":
      return completion.words;
    case "file":
      return [":files"];
    case "domain":
      return (await domainNames(session, completion.prefix.includes("://"))).filter(fits);
    case "uri":
      return [...new Set((await listAgents(session, "")).flatMap((agent) => agent.uris))].sort().filter(fits);
    case "operation":
      return (await listOperations(session, "")).operations.map((o) => o.name).filter(fits);
  }
}

/** Names; with their connections when that is what is being typed, or when a name is on several hosts. */
async function domainNames(session: Session, withConnection: boolean): Promise<readonly string[]> {
  const { domains } = await listAll(session, session.globals.connect, "");
  const oneHost = !isUriPattern(session.globals.connect);
  const byName = Map.groupBy(domains, (d) => d.name);
  return domains.map((d) => {
    const ambiguous = !oneHost && (byName.get(d.name)?.length ?? 0) > 1;
    return withConnection || ambiguous ? formatAddress({ uri: d.uri, domain: d.name }) : d.name;
  });
}
