import { SCRIPTS } from "../shell/scripts.ts";
import type { Verb } from "../verb.ts";

export const completion: Verb = {
  name: "completion",
  group: "Shell",
  summary: "print the completion script of a shell",
  args: [{ name: "shell", help: "bash, zsh or fish", choices: ["bash", "zsh", "fish"] }],
  notes:
    'Put `eval "$(virtmesh completion bash)"` into ~/.bashrc, or the like for zsh; for fish: `virtmesh completion fish | source`.',
  async run(session, given) {
    session.terminal.print(SCRIPTS[given.arg(0)] ?? "");
  },
};
