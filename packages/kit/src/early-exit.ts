/** Thrown to end the process well before its work began: `--help`, `--version`. `runMain` prints the text. */
export class EarlyExit extends Error {
  constructor(text: string) {
    super(text);
    this.name = "EarlyExit";
  }
}
