import { VirtError } from "@virtmesh/core/errors";
import type { Bench } from "../bench.ts";
import { HandQemu } from "../hand-qemu.ts";
import { definedGuest, smallGuest, smallGuestArguments } from "../small-guest.ts";
import { median, quantile } from "../statistics.ts";
import type { Seen } from "./crowd.ts";
import { type Change, CHANGES, NAME, type Read, READS } from "./protocol.ts";
import { Targets } from "./targets.ts";

const COUNTS = [1, 100, 1000];
const CALLERS = [1, 4, 32];
const READ_MS = 400;

/** All samples of one kind of call to one target, with so many guests and callers. */
interface Cell {
  readonly target: string;
  readonly call: Read | Change;
  readonly guests: number;
  readonly callers: number;
  readonly took: number[];
  readonly perSecond: number[];
  /** CPU time of the servers for each call. */
  readonly serverMs: number[];
}

/** What calls cost, with callers in processes of their own; everybody is called in turn. */
export async function benchApi(bench: Bench): Promise<void> {
  const { rounds, output, only } = bench;
  const counts = COUNTS.filter((n) => only === undefined || String(n) === only);
  if (counts.length === 0)
    throw new VirtError(
      "INVALID_FIELD",
      `calls are measured with ${COUNTS.join(", ")} guests, not with ${only}`,
    );
  await using targets = await Targets.start(bench);
  const results = new Results();
  const floor = await measureFloor(bench);
  let there = 0;
  for (const guests of counts) {
    for (const owner of targets.owners) {
      output.progress(`${owner.name}: defining guest ${there + 1} to ${guests}`);
      const names = Array.from({ length: guests - there }, (_, i) => nameOf(there + i));
      results.add(owner.name, guests, 1, await owner.fill(names.map(definedGuest)));
    }
    there = guests;
    for (let round = 1; round <= rounds; round++) {
      output.progress(`${guests} guests, round ${round} of ${rounds}`);
      for (const callers of CALLERS) {
        for (const call of READS)
          for (const crowd of targets.crowds)
            results.add(crowd.name, guests, callers, await crowd.read(call, callers, READ_MS, nameOf(0)));
        for (const crowd of targets.crowds)
          results.add(
            crowd.name,
            guests,
            callers,
            await crowd.live(callers, callers === 1 ? 4 : 1, smallGuest(NAME), `life-${crowd.name}-${round}`),
          );
      }
    }
  }

  for (const cell of results.cells) output.result({ bench: "api", ...summaryOf(cell) });
  for (const guests of counts) {
    for (const call of [...READS, ...CHANGES]) {
      output.table(`${call}, ${guests} guests defined; ms p50 / p99 (calls/s) by number of callers`, [
        ["", ...CALLERS.map(String)],
        ...targets.crowds.map(({ name }) => [
          name,
          ...CALLERS.map((callers) => textOf(results.find(name, call, guests, callers))),
        ]),
      ]);
    }
  }
  output.table("CPU time of the servers per call, one caller; ms by call and number of guests", [
    ["", ...READS.flatMap((call) => counts.map((guests) => `${call} ${guests}`))],
    ...targets.crowds.map(({ name }) => [
      name,
      ...READS.flatMap((call) => counts.map((guests) => cpuOf(results.find(name, call, guests, 1)))),
    ]),
  ]);
  if (targets.missing !== undefined) output.table("libvirt was not measured", [[targets.missing]]);
  const p50 = (target: string, call: Read | Change, guests: number): number =>
    median(results.find(target, call, guests, 1)?.took ?? []);
  output.table("By hand, ms", [
    ["spawn to QMP running", floor.start.toFixed(1)],
    ["SIGKILL to gone", floor.kill.toFixed(1)],
  ]);
  output.summary({
    bench: "api",
    floor_start_ms: floor.start,
    start_over_floor_ms: p50("agent", "start", 100) - floor.start,
    destroy_ms: p50("agent", "destroy", 100),
    stats_1000_ms: p50("agent", "stats", 1000),
    stats_1000_gateway_ms: p50("gateway", "stats", 1000),
    state_ms: p50("agent", "state", 100),
    state_gateway_ms: p50("gateway", "state", 100),
    state_gateway_tls_ms: p50("gateway-tls", "state", 100),
    libvirt: {
      start_ms: p50("libvirt", "start", 100),
      destroy_ms: p50("libvirt", "destroy", 100),
      stats_1000_ms: p50("libvirt", "stats", 1000),
      state_ms: p50("libvirt", "state", 100),
    },
  });
}

function nameOf(n: number): string {
  return `defined-${n}`;
}

/** The same small guest by hand: from the spawn to a monitor that says "running", and from SIGKILL to gone. */
async function measureFloor({
  dir,
  rounds,
}: Bench): Promise<{ readonly start: number; readonly kill: number }> {
  const [starts, kills]: [number[], number[]] = [[], []];
  for (let i = 0; i < rounds * 4; i++) {
    const began = performance.now();
    await using qemu = await HandQemu.start({ name: `f${i}`, dir, args: smallGuestArguments(`f${i}`) });
    await qemu.qmp.execute("query-status");
    const running = performance.now();
    await qemu.kill();
    starts.push(running - began);
    kills.push(performance.now() - running);
  }
  return { start: median(starts), kill: median(kills) };
}

class Results {
  readonly cells: Cell[] = [];

  add(target: string, guests: number, callers: number, { took, elapsedMs, serverMs }: Seen): void {
    for (const [call, times] of took) {
      let cell = this.find(target, call, guests, callers);
      if (!cell)
        this.cells.push((cell = { target, call, guests, callers, took: [], perSecond: [], serverMs: [] }));
      for (const time of times) cell.took.push(time);
      cell.perSecond.push((times.length * 1000) / elapsedMs);
      cell.serverMs.push(serverMs / times.length);
    }
  }

  find(target: string, call: Read | Change, guests: number, callers: number): Cell | undefined {
    return this.cells.find(
      (c) => c.target === target && c.call === call && c.guests === guests && c.callers === callers,
    );
  }
}

/** Calls per second and the servers' CPU time are told of reads alone: a life is a mixture of calls. */
function summaryOf(cell: Cell) {
  const { took, perSecond, serverMs, ...what } = cell;
  const isRead = READS.some((r) => r === cell.call);
  return {
    ...what,
    calls: took.length,
    p50_ms: median(took),
    p99_ms: quantile(took, 0.99),
    ...(isRead ? { per_second: median(perSecond), server_cpu_ms: median(serverMs) } : {}),
  };
}

function textOf(cell: Cell | undefined): string {
  if (!cell) return "-";
  const { p50_ms: p50, p99_ms: p99, per_second: perSecond } = summaryOf(cell);
  const rate = perSecond === undefined ? "" : ` (${perSecond.toFixed(0)})`;
  return `${p50.toFixed(2)} / ${p99.toFixed(2)}${rate}`;
}

function cpuOf(cell: Cell | undefined): string {
  return cell ? median(cell.serverMs).toFixed(3) : "-";
}
