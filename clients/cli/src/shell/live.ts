import { DomainServiceService, GetDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { isUriPattern } from "@virtmesh/core/uri";
import { formatAddress } from "../target.ts";
import { listAll, resolveTarget, type Session } from "../session.ts";
import { listPools, listVolumes, resolvePool } from "../storage.ts";
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
    case "guest-disk":
      return (await diskTargets(session, completion.domain)).filter(fits);
    case "uri":
      return [...new Set((await listAgents(session, "")).flatMap((agent) => agent.uris))].sort().filter(fits);
    case "pool":
      return (await poolNames(session, completion.prefix.includes("://"))).filter(fits);
    case "volume": {
      if (completion.pool === undefined) return [];
      const target = await resolvePool(session, completion.pool);
      return (await listVolumes(session, target)).map(({ name }) => name).filter(fits);
    }
    case "operation":
      return (await listOperations(session, "")).operations.map((o) => o.name).filter(fits);
  }
}

async function diskTargets(session: Session, domain: string | undefined): Promise<readonly string[]> {
  if (domain === undefined) return [];
  const target = await resolveTarget(session, domain);
  const { disks } = await session.rpc.unary(
    DomainServiceService.getDomain,
    GetDomainRequest.fromPartial(target),
  );
  return disks.map((disk) => disk.target);
}

async function domainNames(session: Session, withConnection: boolean): Promise<readonly string[]> {
  return namesOf(session, (await listAll(session, session.globals.connect, "")).domains, withConnection);
}

async function poolNames(session: Session, withConnection: boolean): Promise<readonly string[]> {
  return namesOf(session, (await listPools(session, session.globals.connect)).pools, withConnection);
}

/** Names; with their connections when that is what is being typed, or when a name is on several hosts. */
function namesOf(
  session: Session,
  all: readonly { readonly uri: string; readonly name: string }[],
  withConnection: boolean,
): readonly string[] {
  const oneHost = !isUriPattern(session.globals.connect);
  const byName = Map.groupBy(all, (d) => d.name);
  return all.map((d) => {
    const ambiguous = !oneHost && (byName.get(d.name)?.length ?? 0) > 1;
    return withConnection || ambiguous ? formatAddress({ uri: d.uri, domain: d.name }) : d.name;
  });
}
