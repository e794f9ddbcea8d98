import { runDemo } from "../run-demo.ts";
import { showAll } from "./demo.ts";

const USAGE = `Usage: npm run demo:all [-- --json]

Runs a gateway, NATS and an agent for every hypervisor on this computer: real ones where they run here, VMware's own
simulator and one of Hyper-V where nothing real does. A guest of each is taken through its life through the one gateway,
and every step has to come back as an event in one stream. The mesh then stays up until Ctrl-C. With --json it says so in
one JSON object a line, ends everything when it is done, and the last line says of each hypervisor "ok" or why not.

The first run builds what it needs, which takes some minutes.
`;

await runDemo({ usage: USAGE, title: "virtmesh: every hypervisor in one mesh", show: showAll });
