import { OneDefinitionResources } from "@virtmesh/agent/guests/one-definition-resources";
import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { withMaxVcpus, withVcpus } from "@virtmesh/documents/domain/sizes";
import type { Guest } from "../guests/guest.ts";

/** Memory is what a guest sees and the limit of what the host gives it; CPUs can be fewer than there can be at most. */
export class EsxResources extends OneDefinitionResources<Guest> {
  /** A guest that runs takes more where it was made with CPUs to come, and gives none back. */
  setVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.change(uuid, scope, c, (definition) => withVcpus(definition, count));
  }

  override setMaxVcpus(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo> {
    return this.change(uuid, scope, c, (definition) => withMaxVcpus(definition, count));
  }
}
