import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { DomainStats } from "@virtmesh/core/driver/domains";
import type { Metrics } from "@virtmesh/kit/metrics";
import { classify } from "@virtmesh/mesh/subjects";
import type { TokenConflict } from "../tokens/token-guard.ts";
import { domainMetricsText } from "./domain-metrics.ts";
import type { MigrationMetrics } from "./migration-metrics.ts";

/** What the metrics of an agent are read from, at each scrape. */
export interface AgentMetricsSource {
  readonly host: string;
  stats(): readonly DomainStats[];
  readonly migrations: MigrationMetrics;
  /** Guests whose token this host holds. */
  owned(): readonly { readonly uuid: string; readonly name: string; readonly generation: bigint }[];
  conflicts(): readonly TokenConflict[];
  waitingChanges(): number;
  /** Migrations that wait for their turn, on either side. */
  waitingMigrations(): { readonly source: number; readonly destination: number };
  readonly cordon: { readonly cordoned: boolean };
  /** undefined without NATS. */
  outbox(): { readonly length: number; readonly oldestMs: number } | undefined;
  natsConnected(): boolean;
}

const CHANGE_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/** Metrics of the agent as such; everything is read at the scrape or counted as it happens. */
export class AgentMetrics {
  readonly #metrics: Metrics;
  readonly #events;
  readonly #changes;
  readonly #renewals;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#events = metrics.counter({
      name: "virtmesh_events_total",
      help: "Events that this agent told, by class",
      labels: ["class"],
    });
    this.#changes = metrics.histogram({
      name: "virtmesh_change_seconds",
      help: "How long changes of guests took, from their turn to their end",
      labels: ["verb"],
      buckets: CHANGE_BUCKETS,
    });
    this.#renewals = metrics.counter({
      name: "virtmesh_lease_renewals_total",
      help: "Times this agent announced itself to the mesh",
    });
  }

  onEvent(event: Event): void {
    this.#events.inc({ class: classify(event).eventClass });
  }

  onChange(verb: string, seconds: number): void {
    this.#changes.observe({ verb }, seconds);
  }

  onRenewal(): void {
    this.#renewals.inc();
  }

  /** From here on every scrape shows the source; dispose to stop. */
  show(source: AgentMetricsSource): Disposable {
    const m = this.#metrics;
    const up = m.gauge({ name: "libvirt_up", help: "1 while the agent serves its hypervisor" });
    const count = m.gauge({ name: "virtmesh_domains", help: "Guests that the agent knows" });
    const owner = m.gauge({
      name: "virtmesh_domain_owner",
      help: "1 for each guest whose run token this host holds: in a whole fleet once for each guest",
      labels: ["uuid", "domain", "generation"],
    });
    const conflicts = m.gauge({
      name: "virtmesh_domain_owner_conflicts",
      help: "Guests that run here although their run token is another host's",
    });
    const waiting = m.gauge({ name: "virtmesh_changes_waiting", help: "Changes that wait for their turn" });
    const length = m.gauge({ name: "virtmesh_outbox_length", help: "Events that wait for NATS" });
    const oldest = m.gauge({
      name: "virtmesh_outbox_oldest_seconds",
      help: "How long the oldest event has waited for NATS",
    });
    const connected = m.gauge({ name: "virtmesh_nats_connected", help: "1 while NATS can be used" });
    const active = m.gauge({
      name: "virtmesh_migrations_active",
      help: "Migrations under way, by the side this agent is on",
      labels: ["role"],
    });
    const queued = m.gauge({
      name: "virtmesh_migrations_waiting",
      help: "Migrations that wait for their turn, by the side this agent is on",
      labels: ["role"],
    });
    const cordoned = m.gauge({
      name: "virtmesh_host_cordoned",
      help: "1 while the host takes no new guests",
    });
    const stranded = m.gauge({
      name: "virtmesh_migrations_stranded",
      help: "Post-copies from this host whose connection broke: their guests stand still, and die if either side is ended",
    });
    let guests: readonly DomainStats[] = [];
    const ends = new DisposableStack();
    ends.use(m.addText(() => domainMetricsText(guests, source.migrations.jobs(), source.host)));
    ends.use(
      m.onScrape(() => {
        guests = source.stats();
        up.set(1);
        count.set(guests.length);
        owner.reset();
        for (const { uuid, name, generation } of source.owned()) {
          owner.set({ uuid, domain: name, generation: String(generation) }, 1);
        }
        conflicts.set(source.conflicts().length);
        waiting.set(source.waitingChanges());
        const outbox = source.outbox();
        length.set(outbox?.length ?? 0);
        oldest.set((outbox?.oldestMs ?? 0) / 1000);
        connected.set(source.natsConnected() ? 1 : 0);
        stranded.set(source.migrations.stranded());
        active.set({ role: "source" }, source.migrations.active("source"));
        active.set({ role: "destination" }, source.migrations.active("destination"));
        const line = source.waitingMigrations();
        queued.set({ role: "source" }, line.source);
        queued.set({ role: "destination" }, line.destination);
        cordoned.set(source.cordon.cordoned ? 1 : 0);
      }),
    );
    return ends;
  }
}
