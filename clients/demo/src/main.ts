import { showDemo } from "./demo.ts";
import { runDemo } from "./run-demo.ts";

const USAGE = `Usage: npm start [-- --json]

Runs two hosts, a gateway and NATS on this computer, moves a guest live between them with its disks and checks
that it lost nothing. The mesh then stays up until Ctrl-C. With --json it says so in one JSON object a line,
and ends everything when it is done.
`;

await runDemo({
  usage: USAGE,
  title: "virtmesh: a live migration between two hosts on this computer",
  show: showDemo,
});
