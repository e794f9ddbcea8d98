import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Child, run } from "@virtmesh/lab/process";
import { freePort } from "@virtmesh/lab/service";

const START_MS = 90_000;
const PROMETHEUS = "deploy/prometheus";
const GRAFANA = "deploy/grafana";
const OURS = /\b(?:virtmesh|libvirt|nodejs)_[a-z0-9_]+/g;
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

let mesh: RunningMesh;
let folder: string;
let exported: ReadonlySet<string>;

/** Every name that a scrape can give, with those that histograms have for their parts. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = "", type]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
}

async function get(url: string): Promise<string> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return await answer.text();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "virtmesh-monitoring-"));
  mesh = await startMesh({ agents: "test" });
  const services = [mesh.gateway, ...mesh.hosts.map((host) => host.agent)];
  const pages = await Promise.all(
    services.map(async (service) => await get(`http://${service.metrics}/metrics`)),
  );
  exported = new Set(pages.flatMap(namesIn));
}, START_MS);

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, START_MS);

describe("the rules for Prometheus", () => {
  it("are accepted by promtool", async () => {
    const rules = (await readdir(PROMETHEUS)).filter((name) => name.startsWith("virtmesh-"));
    const { stdout } = await run([
      "promtool",
      "check",
      "rules",
      ...rules.map((name) => join(PROMETHEUS, name)),
    ]);
    expect(stdout.match(/SUCCESS/g)).toHaveLength(rules.length);
  });

  it("name only metrics that a running mesh has", async () => {
    const named = new Set<string>();
    for (const name of ["virtmesh-recording.yml", "virtmesh-alerts.yml"]) {
      const text = await readFile(join(PROMETHEUS, name), "utf8");
      const recorded = text.replace(/\b\w+:\w+:\w+\b/g, "");
      // Labels and texts are quoted; group names and comments are not expressions.
      const expressions = recorded.replace(QUOTED, '""').replace(/^\s*(#|- name:).*$/gm, "");
      for (const [metric] of expressions.matchAll(OURS)) named.add(metric);
    }
    expect(named.size).toBeGreaterThan(8);
    expect([...named].filter((metric) => !exported.has(metric))).toEqual([]);
  });

  it("have a runbook for every alert, and no runbook for none", async () => {
    const alerts = await readFile(join(PROMETHEUS, "virtmesh-alerts.yml"), "utf8");
    const names = [...alerts.matchAll(/- alert: (\S+)/g)].map(([, name = ""]) => name);
    const linked = [...alerts.matchAll(/runbook_url: docs\/runbooks\.md#(\S+)/g)].map(([, anchor]) => anchor);
    const headings = [...(await readFile("docs/runbooks.md", "utf8")).matchAll(/^## (\S+)$/gm)].map(
      ([, h]) => h,
    );
    expect(new Set(headings)).toEqual(new Set(names));
    expect(linked).toEqual(names.map((name) => name.toLowerCase()));
  });
});

describe("the dashboards for Grafana", () => {
  it.each(["fleet.json", "migrations.json"])(
    "name only metrics that a running mesh has: %s",
    async (name) => {
      const dashboard = JSON.parse(await readFile(join(GRAFANA, name), "utf8")) as {
        panels: { targets: { expr: string }[] }[];
      };
      const expressions = dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr));
      const named = new Set(expressions.flatMap((expr) => expr.replace(QUOTED, '""').match(OURS) ?? []));
      expect(named.size).toBeGreaterThan(5);
      expect([...named].filter((metric) => !exported.has(metric))).toEqual([]);
    },
  );
});

describe("Prometheus with our configuration", () => {
  it(
    "scrapes every process of a mesh and evaluates every rule",
    async () => {
      for (const name of await readdir(PROMETHEUS))
        await copyFile(join(PROMETHEUS, name), join(folder, name));
      const targets = (list: readonly string[]): string => JSON.stringify([{ targets: list }]);
      await writeFile(join(folder, "agents.json"), targets(mesh.hosts.map((host) => host.agent.metrics)));
      await writeFile(join(folder, "gateways.json"), targets([mesh.gateway.metrics]));
      await writeFile(join(folder, "alertmanagers.json"), targets([]));
      const config = (await readFile(join(PROMETHEUS, "prometheus.yml"), "utf8"))
        .replace(/\/etc\/prometheus\/virtmesh\/(\w+)\.yml/g, `${folder}/$1.json`)
        .replace(/_interval: \d+s/g, "_interval: 1s")
        .replace(/scrape_timeout: \d+s/, "scrape_timeout: 1s");
      await writeFile(join(folder, "prometheus.yml"), config);
      const address = `127.0.0.1:${await freePort("127.0.0.1")}`;
      await using prometheus = await Child.start(
        [
          "prometheus",
          `--config.file=${folder}/prometheus.yml`,
          `--storage.tsdb.path=${folder}/data`,
          `--web.listen-address=${address}`,
        ],
        { name: "prometheus" },
      );
      await prometheus.line(/Server is ready/, AbortSignal.timeout(60_000));

      expect(await healthOf(`http://${address}/api/v1/targets?state=active`, "activeTargets")).toEqual([
        "up",
        "up",
        "up",
      ]);
      const rules = await ruleHealth(`http://${address}/api/v1/rules`);
      expect(rules.filter(([, health]) => health !== "ok")).toEqual([]);
      expect(rules.length).toBeGreaterThan(15);
    },
    START_MS,
  );
});

/** Prometheus tells of its rounds only when it is asked, and on a busy computer the first may have been too short. */
async function settled<T>(
  ask: () => Promise<readonly T[]>,
  isSettled: (all: readonly T[]) => boolean,
): Promise<readonly T[]> {
  const until = Date.now() + 60_000;
  for (;;) {
    const all = await ask();
    if (isSettled(all) || Date.now() > until) return all;
    await delay(200);
  }
}

async function healthOf(url: string, list: string): Promise<readonly string[]> {
  return await settled(
    async () => {
      const answer = JSON.parse(await get(url)) as { data: Record<string, { health: string }[]> };
      return (answer.data[list] ?? []).map((target) => target.health);
    },
    (all) => all.length > 0 && all.every((health) => health === "up"),
  );
}

async function ruleHealth(url: string): Promise<readonly (readonly [string, string])[]> {
  return await settled(
    async () => {
      const answer = JSON.parse(await get(url)) as {
        data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
      };
      return answer.data.groups.flatMap((g) =>
        g.rules.map((r) => [r.name, r.lastError || r.health] as const),
      );
    },
    (all) => all.every(([, health]) => health === "ok"),
  );
}
